-- Read the text at the head of a claimed direction; while its provider is held back the direction
-- waits for that, unless it is time to try one text or this one is too old. Preludes: _enqueue _holds
-- KEYS[1]  queue, KEYS[2] directions by due time, KEYS[3] claims, KEYS[4] reserved turns,
--          KEYS[5] providers held back, KEYS[6] parked directions
-- ARGV     direction, claim token, the age (ms) from which a text waits no longer, that at which
--          its sender is told that it waits for money, after how long (ms) one is looked at again
-- Returns  {} without a text, else {go, text}; {try, text, hold}: it shows whether the provider is
--          back; {late, text, hold}: it waited for too long; {tell, text, hold}: its sender is to
--          be told that it waits; {parked}: the claim has ended.
local head = redis.call('LINDEX', KEYS[1], 0)
if not head then return {} end
local known, entry = pcall(cjson.decode, head)
if redis.call('EXISTS', KEYS[5]) == 0 or not known or type(entry) ~= 'table' then return {'go', head} end
local provider = type(entry.provider) == 'string' and entry.provider or ''
local hold = redis.call('HGET', KEYS[5], provider)
local owner = string.match(redis.call('HGET', KEYS[3], ARGV[1]) or '', '^%S+')
if not hold or owner ~= ARGV[2] then return {'go', head} end
local now, age, fields = now_ms(), tonumber(ARGV[3]), cjson.decode(hold)
-- For what the gateway itself says there is money or there is none: it does not wait.
if fields.why == 'budget' and entry.kind == 'notice' then return {'go', head} end
local born = math.max(tonumber(entry.created) or 0, tonumber(entry.since) or 0)
if born > 0 and now - born >= age then return {'late', head, hold} end
local waits = fields.why == 'budget' and born > 0 and not entry.told
if waits and now - born >= tonumber(ARGV[4]) then return {'tell', head, hold} end
if now >= fields.next then
  fields.next = now + fields.every
  redis.call('HSET', KEYS[5], provider, cjson.encode(fields))
  redis.call('ZREM', KEYS[6], provider .. ' ' .. ARGV[1])
  return {'try', head, hold}
end
park(provider, ARGV[1], KEYS[6], KEYS[2], KEYS[3], KEYS[4], born, age, now, tonumber(ARGV[5]))
return {'parked'}
