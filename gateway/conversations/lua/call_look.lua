-- Look up what decides what an incoming call is.
-- KEYS[1]  call, KEYS[2] numbers, KEYS[3] routes of the caller, KEYS[4] pins
-- ARGV     number that is called, caller
-- Returns  the number (JSON, '' = not ours), the caller's route on it, 1 if he is one of our own
--          numbers, 1 if the number has PINs; what the call was answered before, its session, the
--          caller's side ('' = nothing).
local first = redis.call('ZRANGEBYLEX', KEYS[4],
  '[' .. ARGV[1] .. ':', '(' .. ARGV[1] .. ';', 'LIMIT', 0, 1)
local before = redis.call('HMGET', KEYS[1], 'answer', 'session', 'side')
return {
  redis.call('HGET', KEYS[2], ARGV[1]) or '',
  redis.call('HGET', KEYS[3], ARGV[1]) or '',
  redis.call('HEXISTS', KEYS[2], ARGV[2]),
  #first,
  before[1] or '', before[2] or '', before[3] or '',
}
