-- Prelude: machines that answer each other, and notices that are owed seldom. Needs _sides.
-- owe_seldom(announce key, session key, session id, word, most, now)  notes that a notice is owed,
--           at most so often in 24 h; word: '' = nobody is told
-- pauses(session key, announce key, session id, guard, now)  true when a text is not passed on,
--           as machines answer each other; guard: paused (since when or false), looped, familiar
--           ('1' = yes), word of the notice
-- stays_open(session key, expiries key, session id, until (ms))  lets a session expire then
local function owe_seldom(announce, session, id, word, most, now)
  if word == '' then return end
  local field = 'told_' .. word
  local since, times = string.match(redis.call('HGET', session, field) or '', '^(%d+) (%d+)$')
  if not since or now - since >= DAY_MS then since, times = now, 0 end
  if tonumber(times) >= most then return end
  redis.call('HSET', session, field, string.format('%.0f %d', since, times + 1))
  redis.call('ZADD', announce, now, word .. ' ' .. id)
end
local function pauses(session, announce, id, guard, now)
  if guard.paused and guard.familiar == '1' then return true end
  if guard.looped == '1' and not guard.paused then
    redis.call('HSET', session, 'paused', string.format('%.0f', now))
    -- A machine would answer the notice, too, and may break the pause by that.
    owe_seldom(announce, session, id, guard.word, 5, now)
    return true
  end
  if guard.paused then redis.call('HDEL', session, 'paused') end
  return false
end
local function stays_open(session, expiries, id, till)
  local when = string.format('%.0f', till)
  redis.call('HSET', session, 'expires', when)
  redis.call('ZADD', expiries, when, id)
end
