-- Read one page of those who are refused at the moment, the longest first.
-- KEYS[1]  sorted set of those who are refused, by when (ms) they are free again
-- ARGV     how many, the end (ms) of the last one shown ('' = from the first), how many of the
--          same end were shown
-- Returns  how many there are, then member, end, member, end …; one more than asked for tells
--          that more follow.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local over = '(' .. string.format('%.0f', now)
local start = 0
if ARGV[2] ~= '' then
  -- Those that were shown may have been let through since.
  local same = redis.call('ZCOUNT', KEYS[1], ARGV[2], ARGV[2])
  start = redis.call('ZCOUNT', KEYS[1], '(' .. ARGV[2], '+inf') + math.min(ARGV[3], same)
end
local found = redis.call('ZRANGE', KEYS[1], '+inf', over, 'BYSCORE', 'REV', 'LIMIT', start,
  ARGV[1] + 1, 'WITHSCORES')
table.insert(found, 1, redis.call('ZCOUNT', KEYS[1], over, '+inf'))
return found
