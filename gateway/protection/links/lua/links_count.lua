-- Count a message with a link, or that its link was opened, under the time at which it was sent.
-- KEYS[1]  counts of an hour, by place; KEYS[2] counts of ten minutes, by range
-- ARGV     field of the first, lifetime (ms) of it; field and lifetime of the second; most fields
-- Returns  under how many of them it was counted: a flood of new ranges fills no store.
local counted = 0
for i, key in ipairs(KEYS) do
  local field, lifetime = ARGV[2 * i - 1], tonumber(ARGV[2 * i])
  local room = redis.call('HLEN', key) < tonumber(ARGV[5])
  if lifetime > 0 and (room or redis.call('HEXISTS', key, field) == 1) then
    redis.call('HINCRBY', key, field, 1)
    redis.call('PEXPIRE', key, lifetime)
    counted = counted + 1
  end
end
return counted
