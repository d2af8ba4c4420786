-- Take a number out of rotation or back into it; it keeps its sessions. Preludes: _enqueue _pool
-- KEYS[1]  numbers, KEYS[2] load, KEYS[3] unhealthy, KEYS[4] refusals, KEYS[5] numbers that rest,
--          then its sets
-- ARGV     number, its record (JSON) as the caller has read it, healthy (1 or 0); out of rotation:
--          how long it rests (ms, 0 = until somebody takes it in); back: 1 if only after its rest
-- Returns  turned, same (it was so already, or is not to be changed) or changed (the record is
--          another one: look again).
if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then return 'changed' end
local now, number, more = now_ms(), ARGV[1], tonumber(ARGV[4])
local rests = tonumber(redis.call('ZSCORE', KEYS[5], number) or '0')
if ARGV[3] == '1' then
  if more == 1 and (rests == 0 or rests > now) then return 'same' end
  redis.call('HDEL', KEYS[4], number)
  redis.call('ZREM', KEYS[5], number)
  local turned = redis.call('HDEL', KEYS[3], number) == 1
  pool_join(number, KEYS[2], 6)
  return turned and 'turned' or 'same'
end
redis.call('HDEL', KEYS[4], number)
local turned = redis.call('HSETNX', KEYS[3], number, string.format('%d', now)) == 1
if more == 0 then redis.call('ZREM', KEYS[5], number) end
-- Whom the operator has left out is not taken in by a rest that ends.
if more > 0 and turned then redis.call('ZADD', KEYS[5], now + more, number) end
pool_leave(number, 6)
return turned and 'turned' or 'same'
