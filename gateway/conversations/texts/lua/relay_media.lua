-- Keep the media of a participant and tell him, once per session, that they do not pass.
-- Preludes: _enqueue _once _inbox
-- KEYS[1]  token, KEYS[2] assemblies, KEYS[3] routes of the sender, KEYS[4] session,
--          KEYS[5] inbox, KEYS[6] due, KEYS[7] queue to the sender
-- ARGV     digest of the parts or '', virtual number, route, his side, inbox item, its lifetime
--          (ms), direction, entry with the notice ('' = he is not told)
-- Returns  changed (look again), repeated or kept.
if redis.call('HGET', KEYS[3], ARGV[2]) ~= ARGV[3] then return 'changed' end
if not once(KEYS[1], KEYS[2], ARGV[1]) then return 'repeated' end
local now = now_ms()
inbox_add(KEYS[5], ARGV[5], now, ARGV[6])
if ARGV[8] ~= '' and redis.call('HSETNX', KEYS[4], 'media_told_' .. ARGV[4], now) == 1 then
  enqueue(KEYS[7], KEYS[6], ARGV[7], ARGV[8], now)
end
return 'kept'
