-- Queue the notices that a session still owes one of its participants or both.
-- Prelude: _enqueue
-- KEYS[1]  announce, KEYS[2] due, then for each notice its queue
-- ARGV     "<word> <session>" (start, end; end, opted-out, paused or held with -to-a or -to-b),
--          then for each notice direction, entry (JSON)
-- Returns  1, or 0 when that was done already.
if redis.call('ZREM', KEYS[1], ARGV[1]) == 0 then return 0 end
local now = now_ms()
for i = 3, #KEYS do
  local at = 2 * (i - 2)
  enqueue(KEYS[i], KEYS[2], ARGV[at], ARGV[at + 1], now)
end
return 1
