-- Count a receiver for whom a text was refused because of its sending number, each once.
-- KEYS[1]  numbers, KEYS[2] refusals
-- ARGV     number, receiver, receivers in a row after which the number is to leave the rotation
-- Returns  1 when that is due, else 0.
if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0 then return 0 end
local receiver, known = string.sub(redis.sha1hex(ARGV[1] .. ARGV[2]), 1, 16), {}
local counted = redis.call('HGET', KEYS[2], ARGV[1]) or ''
for each in string.gmatch(counted, '%S+') do
  table.insert(known, each)
  if each == receiver then receiver = nil end
end
if receiver then
  table.insert(known, receiver)
  redis.call('HSET', KEYS[2], ARGV[1], table.concat(known, ' '))
end
return #known >= tonumber(ARGV[3]) and 1 or 0
