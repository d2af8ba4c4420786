-- Reserve the next moment at which a request may leave, so that no `interval` holds more than
-- `rate` of them; requests of all processes queue up behind each other.
-- KEYS[1]  list of the last `rate` reserved times (ms), newest first
-- ARGV     rate, interval (ms), longest wait (ms), hold (ms): nothing leaves before now + hold
-- Returns  the milliseconds to wait, or -1 when that were longer than the longest wait.
local rate, interval = tonumber(ARGV[1]), tonumber(ARGV[2])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local at = now + tonumber(ARGV[4])
local newest = redis.call('LINDEX', KEYS[1], 0)
if newest then at = math.max(at, tonumber(newest)) end
local last = redis.call('LINDEX', KEYS[1], rate - 1)
if last then at = math.max(at, tonumber(last) + interval) end
if at - now > tonumber(ARGV[3]) then return -1 end
redis.call('LPUSH', KEYS[1], string.format('%d', at))
redis.call('LTRIM', KEYS[1], 0, rate - 1)
redis.call('PEXPIRE', KEYS[1], at - now + interval)
return at - now
