-- Prelude of scripts about providers that are held back: hash provider -> JSON (why, code, since,
-- next: when one text is tried, every: how often, ms); a parked direction waits for its provider.
-- Needs _enqueue.
-- park(provider, direction, parked key, due key, claims key, reserved key, born, age, now, again)
--           ends the claim; the direction is looked at again when its text (born, ms, 0 = nobody
--           knows) has the age, ms, and after so many ms, should nobody wake it
local function park(provider, direction, parked, due, claims, reserved, born, age, now, again)
  local state = string.match(redis.call('HGET', claims, direction) or '', ' (%a+)$')
  redis.call('HDEL', claims, direction)
  if state == 'repeating' then redis.call('HSET', claims, direction, '- writing') end
  redis.call('HDEL', reserved, direction)
  redis.call('ZADD', parked, 0, provider .. ' ' .. direction)
  local at = now + again
  if born > 0 then at = math.min(at, math.max(now, born + age)) end
  redis.call('ZADD', due, at, direction)
end
