-- Read the sums of some minutes, or tens of minutes.
-- KEYS[1]  the first of them, and behind it the others
-- ARGV     nothing
-- Returns  of each its series and values in one text, with blanks between them: that is read at a
--          third of what the single words cost.
local found = {}
for i, key in ipairs(KEYS) do found[i] = table.concat(redis.call('HGETALL', key), ' ') end
return found
