-- Begin a sign-in.
-- KEYS[1]  sign-in
-- ARGV     digest of the admin token, seconds that it lives without use
-- Returns  1
redis.call('HSET', KEYS[1], 'gate', ARGV[1], 'begun', redis.call('TIME')[1])
return redis.call('EXPIRE', KEYS[1], ARGV[2])
