-- Take a number out of rotation or back into it; it keeps its sessions. Preludes: _enqueue _pool
-- KEYS[1]  numbers, KEYS[2] load, KEYS[3] unhealthy, KEYS[4] refusals, then its sets
-- ARGV     number, its record (JSON) as the caller has read it, healthy (1 or 0)
-- Returns  turned, same (it was so already) or changed (the record is another one: look again).
if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then return 'changed' end
redis.call('HDEL', KEYS[4], ARGV[1])
if ARGV[3] == '1' then
  local turned = redis.call('HDEL', KEYS[3], ARGV[1]) == 1
  pool_join(ARGV[1], KEYS[2], 5)
  return turned and 'turned' or 'same'
end
local turned = redis.call('HSETNX', KEYS[3], ARGV[1], string.format('%d', now_ms())) == 1
pool_leave(ARGV[1], 5)
return turned and 'turned' or 'same'
