-- Drop a dead letter.
-- KEYS[1]  dead letters, KEYS[2] their times
-- ARGV     message id
-- Returns  1, or 0 when there is no such dead letter (any more).
redis.call('ZREM', KEYS[2], ARGV[1])
return redis.call('HDEL', KEYS[1], ARGV[1])
