-- Add a number to the pool, where it is healthy from the start. Prelude: _pool
-- KEYS[1]  numbers, KEYS[2] load, KEYS[3] and KEYS[4] routes of the number by its first and last
--          spelling, KEYS[5] people of the lobby, then its sets
-- ARGV     number, its record (JSON), then all its spellings
-- Returns  added, known (in the pool already) or participant (of an open session, or waiting).
if redis.call('EXISTS', KEYS[3], KEYS[4]) > 0 then return 'participant' end
for i = 3, #ARGV do
  if redis.call('HEXISTS', KEYS[5], ARGV[i]) == 1 then return 'participant' end
  if redis.call('HEXISTS', KEYS[1], ARGV[i]) == 1 then return 'known' end
end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
pool_join(ARGV[1], KEYS[2], 6)
return 'added'
