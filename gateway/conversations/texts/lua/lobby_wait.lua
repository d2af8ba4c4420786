-- Let a person wait in the empty lobby and tell him so. Preludes: _enqueue _once
-- KEYS[1]  token, KEYS[2] assemblies, KEYS[3] lobby, KEYS[4] its people, KEYS[5] due,
--          KEYS[6] queue to the person
-- ARGV     digest of the parts or '', person, his place (JSON), direction, entry
-- Returns  waiting, changed (somebody else waits by now) or repeated.
if redis.call('ZCARD', KEYS[3]) > 0 then return 'changed' end
if not once(KEYS[1], KEYS[2], ARGV[1]) then return 'repeated' end
local now = now_ms()
redis.call('ZADD', KEYS[3], now, ARGV[2])
redis.call('HSET', KEYS[4], ARGV[2], ARGV[3])
enqueue(KEYS[6], KEYS[5], ARGV[4], ARGV[5], now)
return 'waiting'
