-- Note that a phone was heard of.
-- KEYS[1]  phone
-- ARGV     version ('' = not told), battery level ('' = not told)
-- Returns  1.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('HSET', KEYS[1], 'last_seen', now)
if ARGV[1] ~= '' then redis.call('HSET', KEYS[1], 'version', ARGV[1]) end
if ARGV[2] ~= '' then redis.call('HSET', KEYS[1], 'battery', ARGV[2], 'battery_at', now) end
return 1
