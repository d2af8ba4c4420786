-- Take a text of one participant and queue it for the other.
-- Preludes: _enqueue _once _loops _log _owe
-- KEYS[1]  token, KEYS[2] assemblies, KEYS[3] routes of the sender, KEYS[4] session,
--          KEYS[5] optouts, KEYS[6] log, KEYS[7] its states, KEYS[8] and KEYS[9] logs of both,
--          KEYS[10] due, KEYS[11] queue to the counterpart, KEYS[12] announce, KEYS[13] expiries
-- ARGV     digest of the parts or '', virtual number, route, counterpart as optouts have him, session id, side,
--          message id, digest of the text, direction, entry, log entry ('' = no log), word that
--          announces to the sender that the counterpart has opted out ('' = he is not told); how
--          long the session may be silent from now on (ms, 0 = its expiry stays); more entries
-- Returns  changed (look again), over (the session has expired), repeated, relayed,
--          suppressed (opted out) or paused (a loop).
local now = now_ms()
if redis.call('HGET', KEYS[3], ARGV[2]) ~= ARGV[3] then return 'changed' end
local expires = tonumber(redis.call('HGET', KEYS[4], 'expires') or '0')
if expires > 0 and expires <= now then return 'over' end
if not once(KEYS[1], KEYS[2], ARGV[1]) then return 'repeated' end
redis.call('HINCRBY', KEYS[4], 'texts', 1)
local result, state = 'relayed', 'queued'
local since = redis.call('ZSCORE', KEYS[5], ARGV[4])
if since then
  result, state = 'suppressed', 'suppressed'
  owe_opted_out(KEYS[12], KEYS[4], ARGV[5], ARGV[6], since, ARGV[12], now)
elseif loops(KEYS[4], ARGV[6], ARGV[8], now) then
  result, state = 'paused', 'paused'
else
  enqueue(KEYS[11], KEYS[10], ARGV[9], ARGV[10], now)
  for i = 14, #ARGV do enqueue(KEYS[11], KEYS[10], ARGV[9], ARGV[i], now) end
end
if ARGV[13] ~= '0' then
  local silent = string.format('%.0f', now + tonumber(ARGV[13]))
  redis.call('HSET', KEYS[4], 'expires', silent)
  redis.call('ZADD', KEYS[13], silent, ARGV[5])
end
if ARGV[11] ~= '' then
  log_add(KEYS[6], KEYS[8], KEYS[9], ARGV[5], ARGV[11])
  redis.call('HSET', KEYS[7], ARGV[7], state)
end
return result
