-- Count a send that the provider refused for its sending number.
-- KEYS[1]  numbers, KEYS[2] refusals
-- ARGV     number, refusals in a row after which it is to leave the rotation
-- Returns  1 when that is due, else 0.
if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0 then return 0 end
return redis.call('HINCRBY', KEYS[2], ARGV[1], 1) >= tonumber(ARGV[2]) and 1 or 0
