-- Count one call if fewer than `amount` were counted in the last `window` milliseconds.
-- Preludes: _enqueue _window
-- KEYS[1]  list of the times (ms) of the last `amount` counted calls, newest first
-- ARGV     amount, window (ms)
-- Returns  0 when counted, else the milliseconds until the next call would be, and that moment.
local now = now_ms()
local wait = window_count(KEYS[1], tonumber(ARGV[1]), tonumber(ARGV[2]), now)
return wait > 0 and {wait, now + wait} or 0
