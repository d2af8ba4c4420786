-- Queue the notices to both participants that a session's begin or end still owes them.
-- Prelude: _enqueue
-- KEYS[1]  announce, KEYS[2] due, then for each notice its queue
-- ARGV     "start <session>" or "end <session>", then for each notice direction, entry (JSON)
-- Returns  1, or 0 when that was done already.
if redis.call('ZREM', KEYS[1], ARGV[1]) == 0 then return 0 end
local now = now_ms()
for i = 3, #KEYS do
  local at = 2 * (i - 2)
  enqueue(KEYS[i], KEYS[2], ARGV[at], ARGV[at + 1], now)
end
return 1
