-- Reserve money, unless a budget forbids that. Preludes: _enqueue _calendar _money _prices
-- KEYS[1]  spent, KEYS[2] reservations, KEYS[3] their leases, KEYS[4] prices, KEYS[5] limits
-- ARGV     words with blanks between, quicker than many arguments: id, held or leaving, lease (ms),
--          how many are paid for, price of one until it is known, exchange rate (millionths), as
--          what its price is known (- = as nothing), most leases ended; for each scope its name and
--          the limits of its day and month (0 = none, - = the adopted)
-- Returns  {reserved, field of each budget of which four fifths are now used …}; {exhausted, field
--          of the budget, now, 1 if it is the first time}; {unadopted}: no limit is known
local id, state, lease, count, start, rate, known_as, most =
  string.match(ARGV[1], '^(%S+) (%a+) (%d+) (%d+) (%d+) (%d+) (%S+) (%d+)$')
local now, again = now_ms(), redis.call('HGET', KEYS[2], id)
if again then
  mark(KEYS[2], KEYS[3], id, again, state, now + lease)
  return {'reserved'}
end
local fields, limits, sums, scopes, day, month = {}, {}, {}, '', day_and_month(now)
for scope, of_day, of_month in string.gmatch(ARGV[2], '(%S+) (%S+) (%S+)') do
  fields[#fields + 1], limits[#limits + 1] = 'd' .. day .. ' ' .. scope, of_day
  fields[#fields + 1], limits[#limits + 1] = 'm' .. month .. ' ' .. scope, of_month
  scopes = scopes .. ' ' .. scope
end
local set = redis.call('HMGET', KEYS[5], 'day', 'month', unpack(fields))
for i, limit in ipairs(limits) do
  limit = limit == '-' and set[2 - i % 2] or limit
  if limit == '-' then return {'unadopted'} end
  limits[i] = tonumber(limit) > 0 and math.max(limit, set[i + 2] or 0) or math.huge
end
local unit, spent, full = price(KEYS[4], known_as, start, rate), nil, nil
repeat
  spent, full = redis.call('HMGET', KEYS[1], unpack(fields)), nil
  for i, limit in ipairs(limits) do
    spent[i] = (spent[i] or 0) + unit * count
    if spent[i] > limit and (i % 2 == 0 or not full) then full = fields[i] end
  end
until not full or lapse(KEYS[1], KEYS[2], KEYS[3], now, most) == 0
if full then return {'exhausted', full, whole(now), redis.call('HSETNX', KEYS[1], full .. ' stopped', 1)} end
local answer, entry = {'reserved'}, {state, whole(unit), count, day, month, known_as .. scopes}
for i, field in ipairs(fields) do
  sums[2 * i - 1], sums[2 * i] = field, whole(spent[i])
  local used = spent[i] >= 0.8 * limits[i] and redis.call('HSETNX', KEYS[1], field .. ' warned', 1)
  if used == 1 then table.insert(answer, field) end
end
redis.call('HSET', KEYS[1], unpack(sums))
mark(KEYS[2], KEYS[3], id, table.concat(entry, ' '), state, now + lease)
return answer
