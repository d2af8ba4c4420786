-- Take a STOP: nothing is sent to this number any more. Preludes: _enqueue _once _log _owe
-- KEYS[1]  token, KEYS[2] assemblies, KEYS[3] optouts, KEYS[4] lobby, KEYS[5] its people,
--          KEYS[6] due, KEYS[7] queue to him; with a session also KEYS[8] session, KEYS[9] log,
--          KEYS[10] its states, KEYS[11] and KEYS[12] logs of both, KEYS[13] announce
-- ARGV     digest of the parts or '', number, direction to him, entry that confirms it ('' =
--          none); session id, side of the counterpart, log entry ('' = no log), word that
--          announces it to the counterpart ('' = he is not told)
-- Returns  stopped or repeated.
if not once(KEYS[1], KEYS[2], ARGV[1]) then return 'repeated' end
local now = now_ms()
local new = redis.call('ZADD', KEYS[3], 'NX', now, ARGV[2]) == 1
if new and ARGV[4] ~= '' then enqueue(KEYS[7], KEYS[6], ARGV[3], ARGV[4], now) end
redis.call('ZREM', KEYS[4], ARGV[2])
redis.call('HDEL', KEYS[5], ARGV[2])
if not KEYS[8] or redis.call('HGET', KEYS[8], 'closed') ~= '0' then return 'stopped' end
if ARGV[7] ~= '' then log_add(KEYS[9], KEYS[11], KEYS[12], ARGV[5], ARGV[7]) end
owe_opted_out(
  KEYS[13], KEYS[8], ARGV[5], ARGV[6], redis.call('ZSCORE', KEYS[3], ARGV[2]), ARGV[8], now)
return 'stopped'
