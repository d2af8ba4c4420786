-- Take a STOP: nothing is sent to this number any more.
-- Preludes: _enqueue _once _log _owe _window _answers
-- KEYS[1]  token, KEYS[2] assemblies, KEYS[3] optouts, KEYS[4] lobby, KEYS[5] its people,
--          KEYS[6] due, KEYS[7] queue to him, KEYS[8] answered; with a session also
--          KEYS[9] session, KEYS[10] log, KEYS[11] its states, KEYS[12] and KEYS[13] logs of both,
--          KEYS[14] announce
-- ARGV     digest of the parts or '', number, direction to him, entry that confirms it ('' =
--          none), most answers to strangers in an hour (0 = any number); session id, side of the counterpart, log entry ('' = no log), word that
--          announces it to the counterpart ('' = he is not told)
-- Returns  stopped or repeated.
if not once(KEYS[1], KEYS[2], ARGV[1]) then return 'repeated' end
local now = now_ms()
local new = redis.call('ZADD', KEYS[3], 'NX', now, ARGV[2]) == 1
if new and ARGV[4] ~= '' and may_answer(KEYS[8], ARGV[5], now) then
  enqueue(KEYS[7], KEYS[6], ARGV[3], ARGV[4], now)
end
redis.call('ZREM', KEYS[4], ARGV[2])
redis.call('HDEL', KEYS[5], ARGV[2])
if not KEYS[9] or redis.call('HGET', KEYS[9], 'closed') ~= '0' then return 'stopped' end
if ARGV[8] ~= '' then log_add(KEYS[10], KEYS[12], KEYS[13], ARGV[6], ARGV[8]) end
owe_opted_out(
  KEYS[14], KEYS[9], ARGV[6], ARGV[7], redis.call('ZSCORE', KEYS[3], ARGV[2]), ARGV[9], now)
return 'stopped'
