-- Note that a person is shown something, unless he has signed out meanwhile.
-- KEYS[1]  sign-in
-- ARGV     what, for how many seconds, how many things at most
-- Returns  1; 0 when there are too many already.
if redis.call('EXISTS', KEYS[1]) == 0 then return 1 end
local name = 'shown:' .. ARGV[1]
-- Beside what is shown a sign-in has two fields.
local most = tonumber(ARGV[3]) + 2 + redis.call('HEXISTS', KEYS[1], name)
if redis.call('HLEN', KEYS[1]) >= most then return 0 end
redis.call('HSET', KEYS[1], name, redis.call('TIME')[1] + ARGV[2])
return 1
