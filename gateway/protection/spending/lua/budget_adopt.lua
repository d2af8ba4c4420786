-- Set the limits of everything together where no option does, once for all processes.
-- KEYS[1]  limits
-- ARGV     limit of a day, of a month
-- Returns  1, or 0 when they were set before.
if redis.call('HEXISTS', KEYS[1], 'day') == 1 then return 0 end
redis.call('HSET', KEYS[1], 'day', ARGV[1], 'month', ARGV[2])
return 1
