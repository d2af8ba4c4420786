-- Put a message into the list of messages and drop those whose life is over.
-- KEYS[1]  sorted set of message ids by creation time (ms)
-- ARGV     message id, its time (ms), the time (ms) before which messages are dropped, lifetime (ms)
-- Returns  1.
redis.call('ZADD', KEYS[1], 'NX', ARGV[2], ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', '(' .. ARGV[3])
redis.call('PEXPIRE', KEYS[1], ARGV[4])
return 1
