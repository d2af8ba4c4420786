-- Count one call if fewer than `amount` were counted in the last `window` milliseconds.
-- KEYS[1]  list of the times (ms) of the last `amount` counted calls, newest first
-- ARGV     amount, window (ms)
-- Returns  0 when counted, else the milliseconds until the next call would be, and that moment.
local amount, window = tonumber(ARGV[1]), tonumber(ARGV[2])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local oldest = redis.call('LINDEX', KEYS[1], amount - 1)
if oldest then
  local free_at = tonumber(oldest) + window
  if free_at > now then return {free_at - now, free_at} end
end
redis.call('LPUSH', KEYS[1], string.format('%d', now))
redis.call('LTRIM', KEYS[1], 0, amount - 1)
redis.call('PEXPIRE', KEYS[1], window)
return 0
