-- Prelude of scripts about money, in whole millionths of the budget's currency. A reservation is
-- "<held or leaving> <price of one> <how many> <day> <month> <known as> <scope> …"; amounts stand
-- under "d<day> <scope>" and "m<month> <scope>". Needs _enqueue.
-- whole(number)  as Redis takes it
-- book(spent, entry, amount)  adds an amount to all that a reservation counts under
-- mark(open, leases, id, entry, state, till)  keeps a reservation in a state until then (ms)
-- worth(entry)  price of one, how many, known as
-- lapse(spent, open, leases, now, most)  ends reservations whose lease is over, and gives back what
--           was only held; returns how many
local function whole(number) return string.format('%.0f', number) end
local function book(spent, entry, amount)
  local day, month, scopes = string.match(entry, '^%a+ %d+ %d+ (%d+) (%d+) %S+ (.+)$')
  for scope in string.gmatch(amount ~= 0 and scopes or '', '%S+') do
    redis.call('HINCRBY', spent, 'd' .. day .. ' ' .. scope, whole(amount))
    redis.call('HINCRBY', spent, 'm' .. month .. ' ' .. scope, whole(amount))
  end
end
local function mark(open, leases, id, entry, state, till)
  redis.call('HSET', open, id, (string.gsub(entry, '^%a+', state)))
  redis.call('ZADD', leases, whole(till), id)
end
local function worth(entry)
  local unit, units, known_as = string.match(entry, '^%a+ (%d+) (%d+) %d+ %d+ (%S+)')
  return tonumber(unit), tonumber(units), known_as
end
local function lapse(spent, open, leases, now, most)
  local over = redis.call('ZRANGE', leases, '-inf', whole(now), 'BYSCORE', 'LIMIT', 0, most)
  for _, id in ipairs(over) do
    local entry = redis.call('HGET', open, id) or ''
    local unit, units = worth(entry)
    if string.find(entry, '^held ') then book(spent, entry, -unit * units) end
    redis.call('HDEL', open, id)
    redis.call('ZREM', leases, id)
  end
  return #over
end
