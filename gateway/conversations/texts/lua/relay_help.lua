-- Tell somebody who asks for help what this is, seldom enough. Preludes: _enqueue
-- KEYS[1]  helped, KEYS[2] due, KEYS[3] queue to him
-- ARGV     direction, entry, for how long he is not told again (ms)
-- Returns  1 when he is told, else 0.
if not redis.call('SET', KEYS[1], '1', 'NX', 'PX', ARGV[3]) then return 0 end
enqueue(KEYS[3], KEYS[2], ARGV[1], ARGV[2], now_ms())
return 1
