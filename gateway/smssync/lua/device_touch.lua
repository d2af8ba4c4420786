-- Note that a phone was heard of.
-- KEYS[1]  phone
-- ARGV     version ('' = not told)
-- Returns  1.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('HSET', KEYS[1], 'last_seen', now)
if ARGV[1] ~= '' then redis.call('HSET', KEYS[1], 'version', ARGV[1]) end
return 1
