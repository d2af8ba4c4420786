-- Prelude: reserved times, and the flows that share a rate.
-- pace_follow(list, ahead, now, meant)  moves a list of times back by how far the clock was put
--           back, drops it when it reaches beyond any wait that is meant; returns the newest
-- pace_share(asked, flow, shares, rate, now)  how many turns a flow may have ahead, nil for any
--           number: its part of a second's by the weights of those that asked lately; asked: hash
--           of when each did; shares: <flow>:<weight>, separated by commas
local function pace_follow(list, ahead, now, meant)
  local times = ahead > 0 and redis.call('LRANGE', list, 0, -1) or {}
  for i, time in ipairs(times) do
    redis.call('LSET', list, i - 1, string.format('%.0f', time - ahead))
  end
  local newest = tonumber(redis.call('LINDEX', list, 0) or '')
  if not newest or newest - now <= meant then return newest end
  redis.call('DEL', list)
end
local function pace_share(asked, flow, shares, rate, now)
  local own, all, others = 1, 0, false
  for each, weight in string.gmatch(shares, '(%w+):([%d.]+)') do
    local last = tonumber(redis.call('HGET', asked, each) or '0')
    if each == flow then own = tonumber(weight) end
    if each == flow or math.abs(now - last) < 10000 then all = all + weight end
    others = others or (each ~= flow and math.abs(now - last) < 10000)
  end
  redis.call('HSET', asked, flow, string.format('%.0f', now))
  return others and math.max(1, math.floor(rate * own / all)) or nil
end
