-- Write down a message before it is sent, the first time.
-- KEYS[1]  message hash
-- ARGV     lifetime (ms), then field, value, field, value …
-- Returns  1, or 0 when it stands there already.
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
redis.call('HSET', KEYS[1], unpack(ARGV, 2))
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return 1
