-- Name the long MOs whose deadline has passed, the oldest first.
-- KEYS[1]  deadlines
-- ARGV     most names
-- Returns  the names.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
return redis.call('ZRANGE', KEYS[1], '-inf', now, 'BYSCORE', 'LIMIT', 0, ARGV[1])
