-- Close a call of which nothing more is to be expected. Preludes: _enqueue _call
-- KEYS[1]  call, KEYS[2] who is in a call, KEYS[3] calls
-- ARGV     id
-- Returns  its session and its state, '' when there is nothing (more) to tell of it.
local due, now = redis.call('ZSCORE', KEYS[3], ARGV[1]), now_ms()
if not due or tonumber(due) > now then return {'', ''} end
local known = redis.call('HMGET', KEYS[1], 'session', 'state')
local session, state = known[1] or '', known[2] or ''
if OPEN[state] then
  local own, status = leg(KEYS[1], 'in')
  if own < 4 then
    state = 'lost'
  elseif state == 'answered' then
    state = 'completed' -- the end of the other leg was not reported
  else
    -- Nobody has been reached: the caller has hung up, or his leg says what went wrong.
    state = status == 'completed' and 'cancelled' or status
  end
  redis.call('HSET', KEYS[1], 'state', state)
  hang_up(KEYS[1], KEYS[2], ARGV[1])
end
if session == '' then redis.call('ZREM', KEYS[3], ARGV[1]) end
return {session, state}
