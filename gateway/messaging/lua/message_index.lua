-- Put a message into a list of messages and drop those whose life is over.
-- KEYS[1]  sorted set of message ids by creation time (ms)
-- ARGV     message id, its time (ms), the time (ms) before which messages are dropped, lifetime
--          (ms), and the most that are kept of a list that has a limit
-- Returns  1.
redis.call('ZADD', KEYS[1], 'NX', ARGV[2], ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', '(' .. ARGV[3])
if ARGV[5] then redis.call('ZREMRANGEBYRANK', KEYS[1], 0, -1 - ARGV[5]) end
redis.call('PEXPIRE', KEYS[1], ARGV[4])
return 1
