-- Tell what limit_hit would say to one more call, and count nothing. Preludes: _enqueue _window
-- KEYS[1]  list of the times (ms) of the counted calls, newest first
-- ARGV     amount, window (ms)
-- Returns  how many calls were counted in the last window, and 0 or the milliseconds until one
--          more would be.
local amount, window, now = tonumber(ARGV[1]), tonumber(ARGV[2]), now_ms()
return {window_used(KEYS[1], window, now), window_wait(KEYS[1], amount, window, now)}
