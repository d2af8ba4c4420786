-- Say which message a provider's id belongs to and look what was parked for it.
-- KEYS[1]  part (our message id), KEYS[2] list of parked receipts of the same provider id
-- ARGV     our message id, lifetime (ms)
-- Returns  the parked receipts (JSON); the caller deletes them once they are applied.
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return redis.call('LRANGE', KEYS[2], 0, -1)
