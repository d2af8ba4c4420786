-- Let a waiting person go and thank him. Preludes: _enqueue _once
-- KEYS[1]  lobby, KEYS[2] its people, KEYS[3] due, KEYS[4] queue to the person; for his own
--          #end also KEYS[5] token, KEYS[6] assemblies
-- ARGV     person, direction, entry, digest of the parts or ''
-- Returns  ended, repeated, or changed when he does not wait (any more).
if redis.call('HEXISTS', KEYS[2], ARGV[1]) == 0 then return 'changed' end
if KEYS[5] and not once(KEYS[5], KEYS[6], ARGV[4]) then return 'repeated' end
redis.call('ZREM', KEYS[1], ARGV[1])
redis.call('HDEL', KEYS[2], ARGV[1])
enqueue(KEYS[4], KEYS[3], ARGV[2], ARGV[3], now_ms())
return 'ended'
