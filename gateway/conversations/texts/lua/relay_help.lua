-- Tell somebody who asks for help what this is, seldom enough. Preludes: _enqueue
-- KEYS[1]  helped, KEYS[2] due, KEYS[3] queue to him, KEYS[4] told
-- ARGV     direction, entry, for how long he is not told again (ms), for how long he, a stranger,
--          is not told that he has no session (ms, 0 = he is none)
-- Returns  1 when he is told, else 0.
if not redis.call('SET', KEYS[1], '1', 'NX', 'PX', ARGV[3]) then return 0 end
if ARGV[4] ~= '0' then redis.call('SET', KEYS[4], '1', 'NX', 'PX', ARGV[4]) end
enqueue(KEYS[3], KEYS[2], ARGV[1], ARGV[2], now_ms())
return 1
