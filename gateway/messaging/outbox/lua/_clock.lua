-- Prelude: the server's clock may be put back or on, or a replica's clock may follow another.
-- clock_follow(keys, now, lease (ms))  notices it by the newest time seen: what was reserved moves
--           back with the clock; no claim runs out because the clock jumped, as its holder has half
--           a lease to renew it. keys: clock, due, claims, turns, reserved
local function clock_follow(keys, now, lease)
  local seen = tonumber(redis.call('GET', keys.clock) or now)
  redis.call('SET', keys.clock, string.format('%.0f', now))
  local ahead = seen - now
  if ahead <= 0 and -ahead <= lease / 2 then return end
  if ahead > 0 then
    local due = redis.call('ZRANGE', keys.due, now, '+inf', 'BYSCORE', 'WITHSCORES')
    for i = 1, #due, 2 do redis.call('ZADD', keys.due, due[i + 1] - ahead, due[i]) end
    for _, times in ipairs({keys.turns, keys.reserved}) do
      local found = redis.call('HGETALL', times)
      for i = 1, #found, 2 do
        redis.call('HSET', times, found[i], string.format('%.0f', found[i + 1] - ahead))
      end
    end
  end
  for _, direction in ipairs(redis.call('HKEYS', keys.claims)) do
    redis.call('ZADD', keys.due, 'XX', 'GT', now + lease / 2, direction)
  end
end
