-- Put a kept text at the end of its direction. Preludes: _enqueue
-- KEYS[1]  queue, KEYS[2] directions by due time, KEYS[3] kept texts, KEYS[4] their times; for
--          what was said in a session also KEYS[5] session, KEYS[6] states of its log
-- ARGV     message id, direction, text (JSON)
-- Returns  queued, unknown (no such text, any more) or ended (its session has).
if redis.call('HEXISTS', KEYS[3], ARGV[1]) == 0 then return 'unknown' end
if KEYS[5] then
  if redis.call('HGET', KEYS[5], 'closed') ~= '0' then return 'ended' end
  if redis.call('HEXISTS', KEYS[6], ARGV[1]) == 1 then
    redis.call('HSET', KEYS[6], ARGV[1], 'queued')
  end
end
redis.call('ZREM', KEYS[4], ARGV[1])
redis.call('HDEL', KEYS[3], ARGV[1])
enqueue(KEYS[1], KEYS[2], ARGV[2], ARGV[3], now_ms())
return 'queued'
