-- List what is due by the server's clock.
-- KEYS[1]  an index of ids by when they are due (ms)
-- ARGV     most of them
-- Returns  the ids, the longest due first.
local time = redis.call('TIME')
local now = string.format('%d', time[1] * 1000 + math.floor(time[2] / 1000))
return redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'LIMIT', 0, ARGV[1])
