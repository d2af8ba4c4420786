-- Count the healthy numbers of the pool by country.
-- KEYS[1]  … pools of messages and of calls, of each country in turn
-- ARGV     none
-- Returns  of those countries that have any, flat: the place of the country (from 0), how many
--          numbers can text, how many can call.
local found = {}
for i = 1, #KEYS, 2 do
  local texting, calling = redis.call('SCARD', KEYS[i]), redis.call('SCARD', KEYS[i + 1])
  if texting + calling > 0 then
    for _, figure in ipairs({(i - 1) / 2, texting, calling}) do table.insert(found, figure) end
  end
end
return found
