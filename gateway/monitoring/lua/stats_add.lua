-- Add what a process has counted since its last flush, once however often it asks.
-- KEYS[1]  number of the last flush of the process, KEYS[2] minute, KEYS[3] ten minutes, KEYS[4]
--          when something was last added to each series of messages
-- ARGV     number of this flush, how long (s) each of the keys is kept, time (ms) of the flush,
--          number of sums n, n x (series, amount), then the gauges: series and value …
-- Returns  1, or 0 when this flush was added before.
if tonumber(redis.call('GET', KEYS[1]) or '0') >= tonumber(ARGV[1]) then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2])
local function keep_highest(key, series, value)
  local known = redis.call('HGET', key, series)
  if not known or tonumber(value) > tonumber(known) then redis.call('HSET', key, series, value) end
end
local gauges = 8 + 2 * tonumber(ARGV[7])
for i = 8, gauges - 1, 2 do
  redis.call('HINCRBYFLOAT', KEYS[2], ARGV[i], ARGV[i + 1])
  redis.call('HINCRBYFLOAT', KEYS[3], ARGV[i], ARGV[i + 1])
  if string.sub(ARGV[i], 1, 9) == 'messages.' then
    keep_highest(KEYS[4], ARGV[i], ARGV[6])
    redis.call('EXPIRE', KEYS[4], ARGV[5])
  end
end
for i = gauges, #ARGV, 2 do
  keep_highest(KEYS[2], ARGV[i], ARGV[i + 1])
  keep_highest(KEYS[3], ARGV[i], ARGV[i + 1])
end
for i = 2, 3 do redis.call('EXPIRE', KEYS[i], ARGV[i + 1]) end
return 1
