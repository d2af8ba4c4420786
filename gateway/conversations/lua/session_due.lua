-- List sessions that are over by the server's clock.
-- KEYS[1]  expiries
-- ARGV     most of them
-- Returns  their ids, the longest over first.
local time = redis.call('TIME')
local now = string.format('%d', time[1] * 1000 + math.floor(time[2] / 1000))
return redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'LIMIT', 0, ARGV[1])
