-- Keep an MO for the operator. Prelude: _inbox
-- KEYS[1]  inbox
-- ARGV     item (JSON), lifetime (ms)
-- Returns  1.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
inbox_add(KEYS[1], ARGV[1], now, ARGV[2])
return 1
