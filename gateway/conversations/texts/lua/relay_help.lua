-- Tell somebody who asks for help what this is, seldom enough. Preludes: _enqueue _window _answers
-- KEYS[1]  helped, KEYS[2] due, KEYS[3] queue to him, KEYS[4] answered
-- ARGV     direction, entry, for how long he is not told again (ms), most answers to strangers in
--          an hour (0 = any number)
-- Returns  1 when he is told, else 0.
local now = now_ms()
if redis.call('EXISTS', KEYS[1]) == 1 or not may_answer(KEYS[4], ARGV[4], now) then return 0 end
redis.call('SET', KEYS[1], '1', 'PX', ARGV[3])
enqueue(KEYS[3], KEYS[2], ARGV[1], ARGV[2], now)
return 1
