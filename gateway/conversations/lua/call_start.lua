-- Decide, once, whether the call of a participant is connected. Preludes: _enqueue _log _call _optouts
-- KEYS[1]  call, KEYS[2] session, KEYS[3] optouts, KEYS[4] who is in a call, KEYS[5] calls,
--          KEYS[6] log, KEYS[7] its states, KEYS[8] and KEYS[9] logs of both participants,
--          KEYS[10] optouts of erased numbers
-- ARGV     id, session id, side of the caller, caller, counterpart, the caller's leg, log entry
--          ('' = no log); how long (ms) the call is kept, how long it is believed in before the
--          first event, after how long a silence it is lost
-- Returns  connect, suppressed (the counterpart has opted out) or busy, the same for a repeat;
--          over when the session is.
local known = redis.call('HMGET', KEYS[1], 'answer', 'state', 'leg')
if known[1] and known[1] ~= 'pin' then
  -- Only who was connected is told so again, and as long as his call may still begin.
  if known[1] == 'connect' and (not OPEN[known[2]] or known[3] ~= ARGV[6]) then return 'over' end
  return known[1]
end
local now, session = now_ms(), redis.call('HMGET', KEYS[2], 'closed', 'expires')
local expires = tonumber(session[2] or '0')
if session[1] ~= '0' or expires > 0 and expires <= now then return 'over' end
local answer, state = 'connect', 'calling'
if opted_out(KEYS[3], KEYS[10], ARGV[5]) then
  answer, state = 'suppressed', 'suppressed'
elseif engaged(KEYS[4], ARGV[5], ARGV[4], now) then
  answer, state = 'busy', 'busy'
end
redis.call('HSET', KEYS[1], 'answer', answer, 'session', ARGV[2], 'side', ARGV[3],
  'state', state, 'leg', ARGV[6], 'created', string.format('%.0f', now))
redis.call('HDEL', KEYS[1], 'number', 'caller')
redis.call('PEXPIRE', KEYS[1], ARGV[8])
if answer == 'connect' then
  redis.call('HSET', KEYS[1], 'people', ARGV[4] .. ' ' .. ARGV[5])
  -- Who begins a call is in no other one any more, whatever was not reported.
  redis.call('HSET', KEYS[4], ARGV[4], ARGV[1] .. ' ' .. ARGV[5] .. ' 0')
  redis.call('HSET', KEYS[4], ARGV[5], ARGV[1] .. ' ' .. ARGV[4] .. ' 0')
  believe(KEYS[1], KEYS[4], ARGV[1], now + ARGV[9])
  redis.call('ZADD', KEYS[5], string.format('%.0f', now + ARGV[10]), ARGV[1])
end
if ARGV[7] ~= '' then
  log_add(KEYS[6], KEYS[8], KEYS[9], ARGV[2], ARGV[7])
  redis.call('HSET', KEYS[7], ARGV[1], state)
end
return answer
