-- Erase the log of one session.
-- KEYS[1]  log, KEYS[2] its states, KEYS[3] and KEYS[4] logs of both participants
-- ARGV     session id
-- Returns  1, or 0 when there was no log.
redis.call('DEL', KEYS[2])
redis.call('ZREM', KEYS[3], ARGV[1])
redis.call('ZREM', KEYS[4], ARGV[1])
return redis.call('DEL', KEYS[1])
