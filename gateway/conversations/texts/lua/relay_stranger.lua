-- Take a text that belongs to no session: keep it, and tell its sender so, now and then.
-- Preludes: _enqueue _once _inbox _window _answers
-- KEYS[1]  token, KEYS[2] assemblies, KEYS[3] routes and KEYS[4] past of the sender,
--          KEYS[5] told, KEYS[6] inbox, KEYS[7] due, KEYS[8] queue to the sender,
--          KEYS[9] answered
-- ARGV     digest of the parts or '', virtual number, inbox item, its lifetime (ms), direction,
--          entry with the end notice, entry with the no-session notice ('' = none), told (ms),
--          most answers to strangers in an hour (0 = any number)
-- Returns  changed (look again), repeated, ended (his session has expired), told or ignored.
if redis.call('HEXISTS', KEYS[3], ARGV[2]) == 1 then return 'changed' end
if not once(KEYS[1], KEYS[2], ARGV[1]) then return 'repeated' end
local now = now_ms()
inbox_add(KEYS[6], ARGV[3], now, ARGV[4])
local past = redis.call('HGET', KEYS[4], ARGV[2])
if past and string.sub(past, -2) == ' 1' then
  redis.call('HSET', KEYS[4], ARGV[2], string.sub(past, 1, -2) .. '0')
  if ARGV[6] ~= '' then enqueue(KEYS[8], KEYS[7], ARGV[5], ARGV[6], now) end
  return 'ended'
end
if ARGV[7] == '' or redis.call('EXISTS', KEYS[5]) == 1 then return 'ignored' end
if not may_answer(KEYS[9], ARGV[9], now) then return 'ignored' end
redis.call('SET', KEYS[5], '1', 'PX', ARGV[8])
enqueue(KEYS[8], KEYS[7], ARGV[5], ARGV[7], now)
return 'told'
