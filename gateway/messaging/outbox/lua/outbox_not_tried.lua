-- Let the next text of a provider that is held back try at once: the one whose turn it was did not.
-- Preludes: _enqueue
-- KEYS[1]  providers held back
-- ARGV     provider
-- Returns  1, or 0 when it is not held back (any more).
local hold = redis.call('HGET', KEYS[1], ARGV[1])
if not hold then return 0 end
local fields = cjson.decode(hold)
fields.next = now_ms()
redis.call('HSET', KEYS[1], ARGV[1], cjson.encode(fields))
return 1
