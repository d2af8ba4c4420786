-- Tell what limit_hit would say to one more call, and count nothing. Preludes: _enqueue _window
-- KEYS[1]  list of the times (ms) of the counted calls, newest first
-- ARGV     amount, window (ms)
-- Returns  how many calls were counted in the last window, and 0 or the milliseconds until one
--          more would be.
local amount, window = tonumber(ARGV[1]), tonumber(ARGV[2])
local now = now_ms()
local ahead = window_ahead(KEYS[1], now)
local function left(index)
  local counted = redis.call('LINDEX', KEYS[1], index)
  return counted and math.max(counted - ahead + window - now, 0) or 0
end
-- The list is in order, so the first call that the window has left behind is found by halves.
local low, high = 0, redis.call('LLEN', KEYS[1])
while low < high do
  local middle = math.floor((low + high) / 2)
  if left(middle) > 0 then low = middle + 1 else high = middle end
end
return {low, left(amount - 1)}
