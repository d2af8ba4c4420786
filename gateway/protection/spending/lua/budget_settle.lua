-- End a reservation by what the thing has cost. Preludes: _enqueue _calendar _money _prices
-- KEYS[1]  spent, KEYS[2] reservations, KEYS[3] their leases, KEYS[4] prices
-- ARGV     words with blanks between: id; back (it cost nothing), kept (as much as was reserved),
--          counted (so many at the reserved price) or told (the price of all); how many there were;
--          that price in the provider's currency; exchange rate; network, - = not told. The scopes
--          under which a price is booked for which nothing is reserved (any more), '' = none
-- Returns  1, or 0 when nothing was reserved under this id.
local id, how, count, told, rate, network = string.match(ARGV[1], '^(%S+) (%a+) (%d+) (%d+) (%d+) (%S+)$')
local now, entry = now_ms(), redis.call('HGET', KEYS[2], id)
local cost = math.ceil(told * rate / 1000000)
if not entry then
  local day, month = day_and_month(now)
  local late = how == 'told' and ARGV[2] ~= ''
  if late then book(KEYS[1], table.concat({'left 0 0', day, month, '-', ARGV[2]}, ' '), cost) end
  return 0
end
local unit, units, known_as = worth(entry)
if how == 'back' then cost = 0 end
if how == 'kept' then cost = unit * units end
if how == 'counted' then cost = unit * count end
book(KEYS[1], entry, cost - unit * units)
redis.call('HDEL', KEYS[2], id)
redis.call('ZREM', KEYS[3], id)
-- What cost nothing tells no price: the next one may.
if how == 'told' and tonumber(told) > 0 and tonumber(count) > 0 and known_as ~= '-' then
  learn(KEYS[4], known_as, math.ceil(told / count), now)
  if network ~= '-' then learn(KEYS[4], known_as .. '/' .. network, math.ceil(told / count), now) end
end
return 1
