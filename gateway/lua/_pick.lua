-- Prelude of session_create: find a number in sets of any size at the same cost. Needs _suit.
-- pick(sides, pools, idle, except)  the best number (see _suit) of the first of the pools (keys)
--           that has a suitable one; idle: key of the numbers without session when only these
--           suit, else false. nil only when no number suits.
-- pick_both(a, b, pools, idle, wish)  the numbers of both sides: one if pools.shared is given,
--           else two from pools.a and pools.b; wish: that of a if it is fixed, else false
local SAMPLE = 32
local function sample(pool, idle)
  if not idle then return redis.call('SRANDMEMBER', pool, SAMPLE) end
  local few, many, both = idle, pool, {}
  if redis.call('SCARD', pool) < redis.call('SCARD', idle) then few, many = pool, idle end
  for _, number in ipairs(redis.call('SRANDMEMBER', few, SAMPLE)) do
    if redis.call('SISMEMBER', many, number) == 1 then table.insert(both, number) end
  end
  return both
end
local function all(pool, idle)
  if idle then return redis.call('SINTER', pool, idle) end
  return redis.call('SMEMBERS', pool)
end
local function pick(sides, pools, idle, except)
  for _, pool in ipairs(pools) do
    local number, had = best(sample(pool, idle), sides, except)
    -- One that nobody has had yet cannot be bettered; else the whole set is looked at.
    if had > 0 then number = best(all(pool, idle), sides, except) end
    if number then return number end
  end
end
local function pick_both(a, b, pools, idle, wish)
  if pools.shared then
    local number = wish or pick({a, b}, pools.shared, idle, '')
    return number, number
  end
  local number_a = wish or pick({a}, pools.a, idle, '')
  local number_b = number_a and pick({b}, pools.b, idle, number_a)
  if number_a and not number_b and not wish then
    -- At most the number taken for a suits b: then it is his, if another one suits a.
    number_a = pick({a}, pools.a, idle, number_a)
    number_b = number_a and pick({b}, pools.b, idle, number_a)
  end
  return number_a, number_b
end
