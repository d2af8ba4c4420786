-- Prelude of the scripts that change the pool. The sets of a number come in fours, from
-- KEYS[first] to the last: a mode's pool, its pool of the number's country, its pool of numbers
-- that reach the world (or the first again), its idle set.
-- pool_join(number, load key, first)  puts a number into its sets, the idle ones if without session
-- pool_leave(number, first)  takes it out of them
local function pool_join(number, load, first)
  local idle = redis.call('HEXISTS', load, number) == 0
  for i = first, #KEYS, 4 do
    for j = i, i + 2 do redis.call('SADD', KEYS[j], number) end
    if idle then redis.call('SADD', KEYS[i + 3], number) end
  end
end
local function pool_leave(number, first)
  for i = first, #KEYS do redis.call('SREM', KEYS[i], number) end
end
