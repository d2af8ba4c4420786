-- Prelude: prices as they are learned, "<week> <highest of it> <highest of the one before>".
-- price(prices, name, start, rate)  what one costs in the budget's currency: the highest price that
--           is known lately, else start, at an exchange rate in millionths
-- learn(prices, name, price, now)  remembers what one has cost, in the provider's currency
local function known(prices, name)
  return string.match(redis.call('HGET', prices, name) or '', '^(%d+) (%d+) (%d+)$')
end
local function price(prices, name, start, rate)
  local _, best, before = known(prices, name)
  return math.ceil((best and math.max(best, before) or start) * rate / 1000000)
end
local function learn(prices, name, price, now)
  local week = math.floor(now / 604800000)
  local last, best, before = known(prices, name)
  local age = last and math.max(0, week - last)
  if age == 0 and tonumber(best) >= price then return end
  if age ~= 0 then before = age == 1 and best or 0 end
  redis.call('HSET', prices, name, string.format('%d %.0f %s', week, price, before))
end
