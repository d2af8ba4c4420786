-- Decide on a range or a country, unless somebody else has decided meanwhile.
-- KEYS[1]  all decisions, by what they are about
-- ARGV     about what, what was decided before ('' = nothing), the decision ('' = none any more),
--          most decisions that are kept
-- Returns  1, or 0 when something else was decided before, or there are too many.
local before = redis.call('HGET', KEYS[1], ARGV[1]) or ''
if before ~= ARGV[2] then return 0 end
if ARGV[3] == '' then return redis.call('HDEL', KEYS[1], ARGV[1]) end
if before == '' and redis.call('HLEN', KEYS[1]) >= tonumber(ARGV[4]) then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
return 1
