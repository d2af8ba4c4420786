-- Prelude of session_create: find a number in sets of any size at the same cost. Needs _suit.
-- pick(sides, pools, idle, except)  the best number (see _suit) of the first of the pools (keys)
--           that has a suitable one; idle: key of the numbers without session when only these
--           suit, else false. nil only when no number suits.
local ALL = 0
local ENOUGH = 512
local SAMPLES = {4, 64, 512, ALL} -- in a small pool the first look costs no less than in a large one
local function sample(pool, idle, count)
  if count == ALL then
    return idle and redis.call('SINTER', pool, idle) or redis.call('SMEMBERS', pool), true
  end
  if not idle then
    local found = redis.call('SRANDMEMBER', pool, count)
    return found, #found < count
  end
  local few, many, both = idle, pool, {}
  if redis.call('SCARD', pool) < redis.call('SCARD', idle) then few, many = pool, idle end
  local found = redis.call('SRANDMEMBER', few, count)
  for _, number in ipairs(found) do
    if redis.call('SISMEMBER', many, number) == 1 then table.insert(both, number) end
  end
  return both, #found < count
end
local function pick(sides, pools, idle, except)
  for _, pool in ipairs(pools) do
    for _, count in ipairs(SAMPLES) do
      local numbers, complete = sample(pool, idle, count)
      local number, had = best(numbers, sides, except)
      -- One that nobody has had yet cannot be bettered. To compare all of a large pool for people
      -- who had nearly all of it would block the server: the best of a sample will do.
      if number and (complete or had == 0 or count >= ENOUGH) then return number end
      if complete then break end
    end
  end
end
