-- Put a dead letter at the end of its direction. Preludes: _enqueue
-- KEYS[1]  queue, KEYS[2] directions by due time, KEYS[3] dead letters, KEYS[4] their times
-- ARGV     message id, direction, text (JSON)
-- Returns  1, or 0 when there is no such dead letter (any more).
redis.call('ZREM', KEYS[4], ARGV[1])
if redis.call('HDEL', KEYS[3], ARGV[1]) == 0 then return 0 end
enqueue(KEYS[1], KEYS[2], ARGV[2], ARGV[3], now_ms())
return 1
