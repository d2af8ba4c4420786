-- Write down a message before it is sent.
-- KEYS[1]  message hash
-- ARGV     lifetime (ms), then field, value, field, value …
-- Returns  1.
redis.call('HSET', KEYS[1], unpack(ARGV, 2))
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return 1
