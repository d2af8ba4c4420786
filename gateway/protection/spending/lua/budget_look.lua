-- Look at the budgets, end what is over and forget days before yesterday, months before the last.
-- Preludes: _enqueue _calendar _money
-- KEYS[1]  spent, KEYS[2] reservations, KEYS[3] their leases, KEYS[4] limits
-- ARGV     most leases ended
-- Returns  now (ms), day, month, how many reservations are open, spent (flat), limits (flat)
local now = now_ms()
local day, month = day_and_month(now)
lapse(KEYS[1], KEYS[2], KEYS[3], now, ARGV[1])
for _, key in ipairs({KEYS[1], KEYS[4]}) do
  for _, field in ipairs(redis.call('HKEYS', key)) do
    local span, number = string.match(field, '^([dm])(%d+) ')
    if span and tonumber(number) < (span == 'd' and day or month) - 1 then redis.call('HDEL', key, field) end
  end
end
local open = redis.call('HLEN', KEYS[2])
return {whole(now), day, month, open, redis.call('HGETALL', KEYS[1]), redis.call('HGETALL', KEYS[4])}
