-- Take a STOP: nothing is sent to this number any more. Preludes: _enqueue _once _log _owe
-- KEYS[1]  token, KEYS[2] assemblies, KEYS[3] optouts, KEYS[4] lobby, KEYS[5] its people; with a
--          session also KEYS[6] session, KEYS[7] log, KEYS[8] its states, KEYS[9] and KEYS[10]
--          logs of both, KEYS[11] announce
-- ARGV     digest of the parts or '', number; session id, side of the counterpart, log entry
--          ('' = no log), word that announces it to the counterpart ('' = he is not told)
-- Returns  stopped or repeated.
if not once(KEYS[1], KEYS[2], ARGV[1]) then return 'repeated' end
local now = now_ms()
redis.call('ZADD', KEYS[3], 'NX', now, ARGV[2])
redis.call('ZREM', KEYS[4], ARGV[2])
redis.call('HDEL', KEYS[5], ARGV[2])
if not KEYS[6] or redis.call('HGET', KEYS[6], 'closed') ~= '0' then return 'stopped' end
if ARGV[5] ~= '' then log_add(KEYS[7], KEYS[9], KEYS[10], ARGV[3], ARGV[5]) end
owe_opted_out(
  KEYS[11], KEYS[6], ARGV[3], ARGV[4], redis.call('ZSCORE', KEYS[3], ARGV[2]), ARGV[6], now)
return 'stopped'
