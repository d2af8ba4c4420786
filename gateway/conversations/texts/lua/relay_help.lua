-- Tell somebody who asks for help what this is, seldom enough. Preludes: _enqueue _window _answers
-- KEYS[1]  helped, KEYS[2] due, KEYS[3] queue to him, KEYS[4] answered, KEYS[5] told
-- ARGV     direction, entry, for how long he is not told again (ms), most answers to strangers in
--          an hour (0 = any number), for how long he, a stranger, is not told that he has no
--          session (ms, 0 = he is none)
-- Returns  1 when he is told, else 0.
local now = now_ms()
if redis.call('EXISTS', KEYS[1]) == 1 or not may_answer(KEYS[4], ARGV[4], now) then return 0 end
redis.call('SET', KEYS[1], '1', 'PX', ARGV[3])
if ARGV[5] ~= '0' then redis.call('SET', KEYS[5], '1', 'NX', 'PX', ARGV[5]) end
enqueue(KEYS[3], KEYS[2], ARGV[1], ARGV[2], now)
return 1
