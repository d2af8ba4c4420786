-- Take an event of a call. Its state follows the legs, forward only; the first that is final stays.
-- Preludes: _enqueue _call
-- KEYS[1]  call, KEYS[2] who is in a call, KEYS[3] calls
-- ARGV     id, leg, "in" or "out" ('' = by the leg), rank, status, token of the event, the event
--          (JSON), most events kept; how long (ms) a call is kept that nothing is known of, after
--          how long a silence one is lost, how long the end of the other leg is waited for
-- Returns  repeated or taken; the call's session and state, '' when it was not connected.
local id, now, fresh = ARGV[1], now_ms(), redis.call('HEXISTS', KEYS[1], 'e:' .. ARGV[6]) == 0
if fresh and redis.call('HLEN', KEYS[1]) < tonumber(ARGV[8]) then
  redis.call('HSET', KEYS[1], 'e:' .. ARGV[6], ARGV[7])
  if redis.call('PTTL', KEYS[1]) < 0 then redis.call('PEXPIRE', KEYS[1], ARGV[9]) end
end
local field = ARGV[3]
if field == '' then field = redis.call('HGET', KEYS[1], 'leg') == ARGV[2] and 'in' or 'out' end
local rank = leg(KEYS[1], field)
if tonumber(ARGV[4]) > rank then redis.call('HSET', KEYS[1], field, ARGV[4] .. ' ' .. ARGV[5]) end
local happened = fresh and 'taken' or 'repeated'
local known = redis.call('HMGET', KEYS[1], 'session', 'state')
local session, state = known[1] or '', known[2] or ''
-- That one is lost was only a guess: it gives way to what is reported after all.
if not OPEN[state] and state ~= 'lost' then return {happened, session, state} end
local reached, status = leg(KEYS[1], 'out')
local look_at = now + ARGV[10]
if reached == 4 then
  state, look_at = status, now
elseif state == 'lost' then
  return {happened, session, state}
elseif reached == 3 then
  state = 'answered'
end
redis.call('HSET', KEYS[1], 'state', state)
local own = leg(KEYS[1], 'in')
if OPEN[state] and own < 4 then
  believe(KEYS[1], KEYS[2], id, look_at)
else
  hang_up(KEYS[1], KEYS[2], id)
  if OPEN[state] then look_at = now + ARGV[11] end
end
-- Whoever took the final event has yet to tell the session's log: if he dies, a sweep does it.
redis.call('ZADD', KEYS[3], string.format('%.0f', look_at), id)
return {happened, session, state}
