-- Read one page of the inbox, the newest first, after dropping what is too old.
-- KEYS[1]  inbox
-- ARGV     how many, the id before which the page begins ('' = from the newest), lifetime (ms)
-- Returns  how many there are, then id, item (JSON), id, item …; one more than asked for tells
--          that more follow.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('XTRIM', KEYS[1], 'MINID', string.format('%.0f', now - ARGV[3]))
local newest = ARGV[2] ~= '' and '(' .. ARGV[2] or '+'
local page = {redis.call('XLEN', KEYS[1])}
for _, each in ipairs(redis.call('XREVRANGE', KEYS[1], newest, '-', 'COUNT', ARGV[1] + 1)) do
  table.insert(page, each[1])
  table.insert(page, each[2][2])
end
return page
