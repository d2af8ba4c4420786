-- Queue a notice to a participant of an open session, once for the session. Prelude: _enqueue
-- KEYS[1]  session, KEYS[2] due, KEYS[3] queue to him
-- ARGV     field of the session that remembers it, direction, entry (JSON)
-- Returns  1, or 0 when he was told already, or the session is over.
if redis.call('HGET', KEYS[1], 'closed') ~= '0' then return 0 end
local now = now_ms()
if redis.call('HSETNX', KEYS[1], ARGV[1], now) == 0 then return 0 end
enqueue(KEYS[3], KEYS[2], ARGV[2], ARGV[3], now)
return 1
