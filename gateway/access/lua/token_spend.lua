-- Use a token for a request.
-- KEYS[1]  the token
-- ARGV     digest of the request, how long the token is remembered (ms)
-- Returns  the digest of the request for which it is used.
redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2])
return redis.call('GET', KEYS[1])
