-- Count what was sent before anything was counted, the first time.
-- KEYS[1]  hash of what was delivered, by endpoint and country
-- ARGV     the field that says it is done, then field, count, field, count …
-- Returns  1, or 0 when it was done before.
if redis.call('HSETNX', KEYS[1], ARGV[1], 1) == 0 then return 0 end
for i = 2, #ARGV, 2 do
  redis.call('HINCRBY', KEYS[1], ARGV[i], ARGV[i + 1])
end
return 1
