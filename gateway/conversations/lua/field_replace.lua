-- Replace the value of a field that nobody has changed since it was read.
-- KEYS[1]  a hash
-- ARGV     field, value as it was read, new value
-- Returns  1, or 0 when it has changed, or is gone.
if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
return 1
