-- Prelude of scripts after which one is to hear that his counterpart has opted out.
-- owe_opted_out(announce key, session key, session id, side, since, word, now)  notes it with the
--           word for the one on this side, once for each time that the other opts out; since: when
--           he did, as the store has it; word: '' = he is not told
local function owe_opted_out(announce, session, id, side, since, word, now)
  local told = 'told_' .. side
  if word == '' or redis.call('HGET', session, told) == since then return end
  redis.call('HSET', session, told, since)
  redis.call('ZADD', announce, now, word .. ' ' .. id)
end
