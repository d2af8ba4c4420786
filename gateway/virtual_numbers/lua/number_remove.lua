-- Take a number that carries no session out of the pool. Prelude: _pool
-- KEYS[1]  numbers, KEYS[2] load, KEYS[3] unhealthy, KEYS[4] refusals, KEYS[5] number-sessions,
--          KEYS[6] numbers that rest, then its sets
-- ARGV     number, its record (JSON) as the caller has read it
-- Returns  removed, changed (the record is another one: look again) or its oldest session.
if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then return 'changed' end
if redis.call('HEXISTS', KEYS[2], ARGV[1]) == 1 then
  local range = {'[' .. ARGV[1] .. ':', '(' .. ARGV[1] .. ';'} -- ; follows : in ASCII
  local oldest = redis.call('ZRANGEBYLEX', KEYS[5], range[1], range[2], 'LIMIT', 0, 1)[1]
  return string.match(oldest or '', '[^:]*$')
end
for i = 3, 4 do redis.call('HDEL', KEYS[i], ARGV[1]) end
redis.call('HDEL', KEYS[1], ARGV[1])
redis.call('ZREM', KEYS[6], ARGV[1])
pool_leave(ARGV[1], 7)
return 'removed'
