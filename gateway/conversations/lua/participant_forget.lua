-- Forget who took part in a session that has ended, and what it was called, maybe by his number.
-- KEYS[1]  session
-- ARGV     the spellings of his number
-- Returns  how many fields named him; they are empty now.
local fields, forgotten = {'participant_a', 'participant_b', 'called_a', 'called_b'}, 0
for i, value in ipairs(redis.call('HMGET', KEYS[1], unpack(fields))) do
  for _, number in ipairs(ARGV) do
    if value == number then
      redis.call('HSET', KEYS[1], fields[i], '')
      forgotten = forgotten + 1
    end
  end
end
if forgotten > 0 then redis.call('HSET', KEYS[1], 'unique_name', '') end
return forgotten
