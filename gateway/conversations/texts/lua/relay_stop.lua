-- Take a STOP: nothing is sent to this number any more.
-- Preludes: _enqueue _once _log _owe _optouts _window _answers
-- KEYS[1]  token, KEYS[2] assemblies, KEYS[3] optouts, KEYS[4] lobby, KEYS[5] its people,
--          KEYS[6] due, KEYS[7] optouts of erased numbers, KEYS[8] queue to him, KEYS[9] answered;
--          with a session also KEYS[10] session, KEYS[11] log, KEYS[12] its states, KEYS[13] and
--          KEYS[14] logs of both, KEYS[15] announce
-- ARGV     digest of the parts or '', number, direction to him, entry that confirms it ('' =
--          none), most answers to strangers in an hour (0 = any number); session id, side of the
--          counterpart, log entry ('' = no log), word that announces it to the counterpart ('' =
--          he is not told)
-- Returns  stopped or repeated.
if not once(KEYS[1], KEYS[2], ARGV[1]) then return 'repeated' end
local now = now_ms()
local new = not opted_out(KEYS[3], KEYS[7], ARGV[2])
if new then redis.call('ZADD', KEYS[3], now, ARGV[2]) end
if new and ARGV[4] ~= '' and may_answer(KEYS[9], ARGV[5], now) then
  enqueue(KEYS[8], KEYS[6], ARGV[3], ARGV[4], now)
end
redis.call('ZREM', KEYS[4], ARGV[2])
redis.call('HDEL', KEYS[5], ARGV[2])
if not KEYS[10] or redis.call('HGET', KEYS[10], 'closed') ~= '0' then return 'stopped' end
if ARGV[8] ~= '' then log_add(KEYS[11], KEYS[13], KEYS[14], ARGV[6], ARGV[8]) end
local since = opted_out(KEYS[3], KEYS[7], ARGV[2])
owe_opted_out(KEYS[15], KEYS[10], ARGV[6], ARGV[7], since, ARGV[9], now)
return 'stopped'
