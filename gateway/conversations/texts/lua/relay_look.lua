-- Look up what decides what an MO is. Preludes: _enqueue
-- KEYS[1]  numbers, KEYS[2] routes of the sender, KEYS[3] his past
-- ARGV     virtual number, sender
-- Returns  the number (JSON, '' = not ours), the sender's route on it, 1 if he is one of our own
--          numbers, the time (ms), what is known of his last session on the number.
return {
  redis.call('HGET', KEYS[1], ARGV[1]) or '',
  redis.call('HGET', KEYS[2], ARGV[1]) or '',
  redis.call('HEXISTS', KEYS[1], ARGV[2]),
  now_ms(),
  redis.call('HGET', KEYS[3], ARGV[1]) or '',
}
