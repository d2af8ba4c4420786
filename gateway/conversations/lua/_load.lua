-- Prelude: how many open sessions each virtual number of the pool carries.
-- occupy(k, number, created, session)   counts a session, once; k: keys by name, see _session
-- release(k, number, created, session)  takes it back, once
-- A number that a chat uses need not be in the pool: then nothing is counted.
local MODES = {'message', 'voice', 'both'}
local function occupy(k, number, created, session)
  if redis.call('HEXISTS', k.numbers, number) == 0 then return end
  local booking = number .. ':' .. created .. ':' .. session
  if redis.call('ZADD', k.number_sessions, 0, booking) == 0 then return end
  if redis.call('HINCRBY', k.load, number, 1) > 1 then return end
  for _, mode in ipairs(MODES) do redis.call('SREM', k['idle_' .. mode], number) end
end
local function release(k, number, created, session)
  local booking = number .. ':' .. created .. ':' .. session
  if redis.call('ZREM', k.number_sessions, booking) == 0 then return end
  if redis.call('HINCRBY', k.load, number, -1) > 0 then return end
  redis.call('HDEL', k.load, number)
  for _, mode in ipairs(MODES) do
    -- One that is unhealthy stands in no pool.
    if redis.call('SISMEMBER', k['pool_' .. mode], number) == 1 then
      redis.call('SADD', k['idle_' .. mode], number)
    end
  end
end
