-- Read one page of the numbers that have opted out, the newest first.
-- KEYS[1]  sorted set of numbers by the time (ms) of their STOP
-- ARGV     how many, the number after which the page begins ('' = from the newest)
-- Returns  how many there are, then number, time, number, time …; one more than asked for tells
--          that more follow. Nothing at all when the number to begin after is not there.
local start = 0
if ARGV[2] ~= '' then
  local rank = redis.call('ZREVRANK', KEYS[1], ARGV[2])
  if not rank then return {} end
  start = rank + 1
end
local found = redis.call('ZRANGE', KEYS[1], start, start + ARGV[1], 'REV', 'WITHSCORES')
table.insert(found, 1, redis.call('ZCARD', KEYS[1]))
return found
