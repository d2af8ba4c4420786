-- End a claim: decide what becomes of the text at the head of its direction. Preludes: _enqueue
-- KEYS[1]  queue, KEYS[2] directions by due time, KEYS[3] claims, KEYS[4] reserved turns,
--          to shelve: KEYS[5] texts of the shelf, KEYS[6] their times, KEYS[7] if those that are
--          new on it are listed, that list
-- ARGV     direction, claim token, the head as it was read, delay (ms) before the next look,
--          decision: done (drop it), retry (write it anew), shelve (make it one of a shelf) or
--          release (leave it); the new head or the kept text (JSON), its id; 1 for a release that
--          must not forget that the text may have been written
-- Returns  1, or 0 when the claim is lost.
local claim = redis.call('HGET', KEYS[3], ARGV[1]) or ''
if string.match(claim, '^%S+') ~= ARGV[2] then return 0 end
local now, decision = now_ms(), ARGV[5]
-- Somebody else may have emptied the queue: then there is nothing to decide about.
if redis.call('LINDEX', KEYS[1], 0) == ARGV[3] then
  if decision == 'retry' then redis.call('LSET', KEYS[1], 0, ARGV[6]) end
  if decision == 'shelve' then
    redis.call('HSET', KEYS[5], ARGV[7], ARGV[6])
    for i = 6, #KEYS do redis.call('ZADD', KEYS[i], now, ARGV[7]) end
  end
  if decision == 'shelve' or decision == 'done' then redis.call('LPOP', KEYS[1]) end
end
redis.call('HDEL', KEYS[3], ARGV[1])
redis.call('HDEL', KEYS[4], ARGV[1])
if redis.call('EXISTS', KEYS[1]) == 0 then
  redis.call('ZREM', KEYS[2], ARGV[1])
else
  redis.call('ZADD', KEYS[2], now + tonumber(ARGV[4]), ARGV[1])
  if ARGV[8] == '1' then redis.call('HSET', KEYS[3], ARGV[1], '- writing') end
end
return 1
