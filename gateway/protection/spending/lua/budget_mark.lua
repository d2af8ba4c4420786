-- Say whether what is paid for is about to leave, or waits once more. Preludes: _enqueue _money
-- KEYS[1]  reservations, KEYS[2] their leases
-- ARGV     id, held or leaving, lease (ms)
-- Returns  1, or 0 when nothing is reserved under this id (any more).
local entry = redis.call('HGET', KEYS[1], ARGV[1])
if not entry then return 0 end
mark(KEYS[1], KEYS[2], ARGV[1], entry, ARGV[2], now_ms() + ARGV[3])
return 1
