-- Put a keyed hash in the place of the number of one who has opted out. Prelude: _optouts
-- KEYS[1]  optouts, KEYS[2] those of erased numbers
-- ARGV     a new secret key, for the first who is erased; the spellings of his number, first the
--          one by which persons are compared
-- Returns  1, or 0 when he has not opted out by any of them.
local since = false
for i = 2, #ARGV do since = since or opted_out(KEYS[1], KEYS[2], ARGV[i]) end
if not since then return 0 end
redis.call('HSETNX', KEYS[2], 'key', ARGV[1])
redis.call('ZREM', KEYS[1], unpack(ARGV, 2))
local digest = erased_digest(KEYS[2], ARGV[2])
return redis.call('HSET', KEYS[2], digest, since) and 1
