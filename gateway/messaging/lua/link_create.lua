-- Say in which message a short link stands.
-- KEYS[1]  the link
-- ARGV     message id, lifetime (ms)
-- Returns  1, or 0 when it stands in another one: then its message is never found by it.
if redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then return 1 end
return redis.call('GET', KEYS[1]) == ARGV[1] and 1 or 0
