-- Raise a budget until its day or month is over. Preludes: _enqueue _calendar _money
-- KEYS[1]  spent, KEYS[2] limits
-- ARGV     day or month, scope, the new limit, who raises it
-- Returns  1.
local now = now_ms()
local day, month = day_and_month(now)
local field = (ARGV[1] == 'day' and 'd' .. day or 'm' .. month) .. ' ' .. ARGV[2]
redis.call('HSET', KEYS[2], field, ARGV[3], field .. ' by', whole(now) .. ' ' .. ARGV[4])
redis.call('HDEL', KEYS[1], field .. ' warned', field .. ' stopped')
return 1
