-- Take a STOP: nothing is sent to this number any more. Preludes: _enqueue _once _log _owe _optouts
-- KEYS[1]  token, KEYS[2] assemblies, KEYS[3] optouts, KEYS[4] lobby, KEYS[5] its people,
--          KEYS[6] due, KEYS[7] optouts of erased numbers, KEYS[8] queue to him; with a session
--          also KEYS[9] session, KEYS[10] log, KEYS[11] its states, KEYS[12] and KEYS[13] logs of
--          both, KEYS[14] announce
-- ARGV     digest of the parts or '', number, direction to him, entry that confirms it ('' =
--          none); session id, side of the counterpart, log entry ('' = no log), word that
--          announces it to the counterpart ('' = he is not told)
-- Returns  stopped or repeated.
if not once(KEYS[1], KEYS[2], ARGV[1]) then return 'repeated' end
local now = now_ms()
local new = not opted_out(KEYS[3], KEYS[7], ARGV[2])
if new then redis.call('ZADD', KEYS[3], now, ARGV[2]) end
if new and ARGV[4] ~= '' then enqueue(KEYS[8], KEYS[6], ARGV[3], ARGV[4], now) end
redis.call('ZREM', KEYS[4], ARGV[2])
redis.call('HDEL', KEYS[5], ARGV[2])
if not KEYS[9] or redis.call('HGET', KEYS[9], 'closed') ~= '0' then return 'stopped' end
if ARGV[7] ~= '' then log_add(KEYS[10], KEYS[12], KEYS[13], ARGV[5], ARGV[7]) end
local since = opted_out(KEYS[3], KEYS[7], ARGV[2])
owe_opted_out(KEYS[14], KEYS[9], ARGV[5], ARGV[6], since, ARGV[8], now)
return 'stopped'
