-- Take a STOP: nothing is sent to this number any more. Preludes: _enqueue _once _log
-- KEYS[1]  token, KEYS[2] assemblies, KEYS[3] optouts; with a session also KEYS[4] session,
--          KEYS[5] log, KEYS[6] and KEYS[7] logs of both, KEYS[8] due, KEYS[9] queue
-- ARGV     digest of the parts or '', number, session id, side of the counterpart, log entry
--          ('' = no log), direction, entry ('' = none): what the counterpart is told
-- Returns  stopped or repeated.
if not once(KEYS[1], KEYS[2], ARGV[1]) then return 'repeated' end
local now = now_ms()
redis.call('ZADD', KEYS[3], 'NX', now, ARGV[2])
if not KEYS[4] or redis.call('HGET', KEYS[4], 'closed') ~= '0' then return 'stopped' end
if ARGV[5] ~= '' then log_add(KEYS[5], KEYS[6], KEYS[7], ARGV[3], ARGV[5]) end
local since, told = redis.call('ZSCORE', KEYS[3], ARGV[2]), 'told_' .. ARGV[4]
if ARGV[7] ~= '' and redis.call('HGET', KEYS[4], told) ~= since then
  redis.call('HSET', KEYS[4], told, since)
  enqueue(KEYS[9], KEYS[8], ARGV[6], ARGV[7], now)
end
return 'stopped'
