-- Drop kept texts that are too old. Preludes: _enqueue
-- KEYS[1]  kept texts, KEYS[2] their times
-- ARGV     how long they are kept (ms)
-- Returns  how many were dropped.
local before = string.format('(%.0f', now_ms() - tonumber(ARGV[1]))
local old = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', before, 'LIMIT', 0, 100)
for _, id in ipairs(old) do
  redis.call('ZREM', KEYS[2], id)
  redis.call('HDEL', KEYS[1], id)
end
return #old
