-- Reserve money, unless that were more than a budget allows. Preludes: _enqueue _calendar _money _prices
-- KEYS[1]  spent, KEYS[2] reservations, KEYS[3] their leases, KEYS[4] prices, KEYS[5] limits
-- ARGV     id, held or leaving, lease (ms), how many are paid for, price of one until it is known,
--          exchange rate, as what its price is known (- = as nothing), most leases ended; then for
--          each scope its name and the limits of its day and month (0 = none, '' = the adopted)
-- Returns  {reserved, field of each budget of which four fifths are now used …}; {exhausted, field
--          of the budget, now, 1 if it is the first time}; {unadopted}: no limit is known
local now, id, again = now_ms(), ARGV[1], redis.call('HGET', KEYS[2], ARGV[1])
local day, month = day_and_month(now)
local fields, limits, scopes, sums = {}, {}, '', {}
if again then
  mark(KEYS[2], KEYS[3], id, again, ARGV[2], now + ARGV[3])
  return {'reserved'}
end
for i = 9, #ARGV, 3 do
  for n, span in ipairs({'d' .. day, 'm' .. month}) do
    fields[#fields + 1], limits[#limits + 1] = span .. ' ' .. ARGV[i], ARGV[i + n]
  end
  scopes = scopes .. ' ' .. ARGV[i]
end
local set = redis.call('HMGET', KEYS[5], 'day', 'month', unpack(fields))
for i, limit in ipairs(limits) do
  limit = limit == '' and set[2 - i % 2] or limit
  if limit == '' then return {'unadopted'} end
  limits[i] = tonumber(limit) > 0 and math.max(limit, set[i + 2] or 0) or math.huge
end
local unit, spent, full = price(KEYS[4], ARGV[7], ARGV[5], ARGV[6]), nil, nil
repeat
  spent, full = redis.call('HMGET', KEYS[1], unpack(fields)), nil
  for i, limit in ipairs(limits) do
    spent[i] = (spent[i] or 0) + unit * ARGV[4]
    if spent[i] > limit and (i % 2 == 0 or not full) then full = fields[i] end
  end
until not full or lapse(KEYS[1], KEYS[2], KEYS[3], now, ARGV[8]) == 0
if full then return {'exhausted', full, whole(now), redis.call('HSETNX', KEYS[1], full .. ' stopped', 1)} end
local answer = {'reserved'}
for i, field in ipairs(fields) do
  sums[2 * i - 1], sums[2 * i] = field, whole(spent[i])
  local used = spent[i] >= 0.8 * limits[i] and redis.call('HSETNX', KEYS[1], field .. ' warned', 1)
  if used == 1 then table.insert(answer, field) end
end
redis.call('HSET', KEYS[1], unpack(sums))
local entry = table.concat({ARGV[2], whole(unit), ARGV[4], day, month, ARGV[7]}, ' ') .. scopes
mark(KEYS[2], KEYS[3], id, entry, ARGV[2], now + ARGV[3])
return answer
