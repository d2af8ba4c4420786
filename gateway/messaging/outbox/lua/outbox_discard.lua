-- Drop a kept text.
-- KEYS[1]  kept texts, KEYS[2] their times
-- ARGV     message id
-- Returns  1, or 0 when there is no such text (any more).
redis.call('ZREM', KEYS[2], ARGV[1])
return redis.call('HDEL', KEYS[1], ARGV[1])
