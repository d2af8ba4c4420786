-- Write down what the provider answered to a message. Running it twice changes nothing more.
-- KEYS[1]  message hash, KEYS[2] its events
-- ARGV     event token ('' = it is no news), event (JSON), number of fields n, n x (field, value),
--          then the parts: part id, rank and state ("1 accepted") …
-- Returns  1, or 0 when the message is not known (any more).
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
local n = tonumber(ARGV[3])
if n > 0 then redis.call('HSET', KEYS[1], unpack(ARGV, 4, 3 + 2 * n)) end
-- A receipt may have come before the answer: a state that is there is further on.
local parts = {}
for i = 4 + 2 * n, #ARGV, 2 do
  parts['p:' .. ARGV[i]] = true
  redis.call('HSETNX', KEYS[1], 'p:' .. ARGV[i], ARGV[i + 1])
end
-- Until now any id was taken for a part. Those that are too many are not the ones just named.
local count = tonumber(redis.call('HGET', KEYS[1], 'parts') or '0')
local strangers = {}
for _, field in ipairs(redis.call('HKEYS', KEYS[1])) do
  if string.sub(field, 1, 2) == 'p:' then
    count = count - 1
    if not parts[field] then table.insert(strangers, field) end
  end
end
if next(parts) then
  for i = 1, math.min(-count, #strangers) do redis.call('HDEL', KEYS[1], strangers[i]) end
end
if ARGV[1] ~= '' then redis.call('HSETNX', KEYS[2], ARGV[1], ARGV[2]) end
redis.call('PEXPIRE', KEYS[2], math.max(redis.call('PTTL', KEYS[1]), 1))
return 1
