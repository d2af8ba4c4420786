-- Count the numbers of a pool that carry no session, at the same cost for a pool of any size.
-- KEYS[1]  pool, KEYS[2] idle numbers of all countries
-- ARGV     how many numbers are looked at
-- Returns  the count, an estimate when both sets have more than so many.
local few, many, most = KEYS[1], KEYS[2], tonumber(ARGV[1])
local size, other = redis.call('SCARD', few), redis.call('SCARD', many)
if other < size then few, many, size = many, few, other end
if size <= most then return #redis.call('SINTER', few, many) end
local both = 0
for _, is in ipairs(redis.call('SMISMEMBER', many, unpack(redis.call('SRANDMEMBER', few, most)))) do
  both = both + is
end
return math.floor(size * both / most + 0.5)
