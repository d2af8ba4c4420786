-- Read what a message's state is the sum of: its text, which may be long, is not.
-- KEYS[1]  message hash
-- ARGV     nothing
-- Returns  field and value of the number of parts, the outcome, and the state of each part.
local WANTED = {expected = true, parts = true, outcome = true}
local record, found = redis.call('HGETALL', KEYS[1]), {}
for i = 1, #record, 2 do
  if WANTED[record[i]] or string.sub(record[i], 1, 2) == 'p:' then
    table.insert(found, record[i])
    table.insert(found, record[i + 1])
  end
end
return found
