-- Put a text at the end of its direction. Preludes: _enqueue
-- KEYS[1]  queue, KEYS[2] directions by due time
-- ARGV     direction, text (JSON)
-- Returns  1.
enqueue(KEYS[1], KEYS[2], ARGV[1], ARGV[2], now_ms())
return 1
