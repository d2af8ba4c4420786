-- Hold a provider back that took no text just now, and park the direction of that text.
-- Preludes: _enqueue _holds
-- KEYS[1]  queue, KEYS[2] directions by due time, KEYS[3] claims, KEYS[4] reserved turns,
--          KEYS[5] providers held back, KEYS[6] parked directions
-- ARGV     direction, claim token, the head as it was read, the head anew, provider, why, code,
--          how often one text is tried (ms), when the text was born (ms), its longest age (ms), after
--          how long (ms) it is looked at again
-- Returns  2 when the provider was not held back before, else 1; 0 when the claim is lost.
local claim = redis.call('HGET', KEYS[3], ARGV[1]) or ''
if string.match(claim, '^%S+') ~= ARGV[2] then return 0 end
local now, provider = now_ms(), ARGV[5]
local before = redis.call('HGET', KEYS[5], provider)
local hold = {why = ARGV[6], code = ARGV[7], every = tonumber(ARGV[8]), since = now}
hold.next = now + hold.every
if before then
  local held = cjson.decode(before)
  hold.since = held.since
  if held.why == hold.why and held.next > now then hold.next = held.next end
end
redis.call('HSET', KEYS[5], provider, cjson.encode(hold))
if redis.call('LINDEX', KEYS[1], 0) == ARGV[3] then redis.call('LSET', KEYS[1], 0, ARGV[4]) end
if redis.call('EXISTS', KEYS[1]) == 1 then
  park(provider, ARGV[1], KEYS[6], KEYS[2], KEYS[3], KEYS[4], tonumber(ARGV[9]), tonumber(ARGV[10]), now,
    tonumber(ARGV[11]))
else
  redis.call('HDEL', KEYS[3], ARGV[1])
  redis.call('ZREM', KEYS[2], ARGV[1])
end
return before and 1 or 2
