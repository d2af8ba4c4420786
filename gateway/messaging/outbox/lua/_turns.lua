-- Prelude: the pace of North American numbers. Prelude before it: _enqueue
-- turn(turns, reserved key, direction, due time, interval (ms), now)  when a direction that is due
--           may send (ms): now, or at the turn that is reserved for it
local function turn(turns, reserved, direction, due, interval, now)
  local number = string.match(direction, '^(%+1%d*)>')
  if interval == 0 or not number then return now end
  local own = tonumber(redis.call('HGET', reserved, direction) or '0')
  redis.call('HDEL', reserved, direction)
  -- A turn that was missed is gone: many of them at once would be no pace.
  if own + interval >= now then return now end
  local at = math.max(now, tonumber(redis.call('HGET', turns, number) or '0'))
  if at > now and for_strangers(due) then
    -- It takes no turn from participants who come later, and looks once for each turn of its like.
    at = math.max(at, tonumber(redis.call('HGET', turns, number .. ' strangers') or '0'))
    redis.call('HSET', turns, number .. ' strangers', at + interval)
    return at - 0.5
  end
  redis.call('HSET', turns, number, at + interval)
  local ttl = redis.call('PTTL', turns)
  redis.call('PEXPIRE', turns, math.max(ttl, 3600000 + at - now + interval))
  if at > now then redis.call('HSET', reserved, direction, at) end
  return at
end
