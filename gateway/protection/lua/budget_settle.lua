-- End a reservation by what the thing has cost. Preludes: _enqueue _calendar _money _prices
-- KEYS[1]  spent, KEYS[2] reservations, KEYS[3] their leases, KEYS[4] prices
-- ARGV     id; back (it cost nothing), kept (as much as was reserved), counted (so many at the
--          reserved price) or told (the price of all); how many there were; that price in the
--          provider's currency; exchange rate; network, '' = not told; the scopes under which a
--          price is booked for which nothing is reserved (any more)
-- Returns  1, or 0 when nothing was reserved under this id.
local now, entry = now_ms(), redis.call('HGET', KEYS[2], ARGV[1])
local count, told = tonumber(ARGV[3]), tonumber(ARGV[4])
local cost = math.ceil(told * ARGV[5] / 1000000)
if not entry then
  local day, month = day_and_month(now)
  local scopes = table.concat({unpack(ARGV, 7)}, ' ')
  if ARGV[2] == 'told' then book(KEYS[1], table.concat({'left 0 0', day, month, '-', scopes}, ' '), cost) end
  return 0
end
local unit, units, known_as = worth(entry)
if ARGV[2] == 'back' then cost = 0 end
if ARGV[2] == 'kept' then cost = unit * units end
if ARGV[2] == 'counted' then cost = unit * count end
book(KEYS[1], entry, cost - unit * units)
redis.call('HDEL', KEYS[2], ARGV[1])
redis.call('ZREM', KEYS[3], ARGV[1])
-- What cost nothing tells no price: the next one may.
if ARGV[2] == 'told' and told > 0 and count > 0 and known_as ~= '-' then
  learn(KEYS[4], known_as, math.ceil(told / count), now)
  if ARGV[6] ~= '' then learn(KEYS[4], known_as .. '/' .. ARGV[6], math.ceil(told / count), now) end
end
return 1
