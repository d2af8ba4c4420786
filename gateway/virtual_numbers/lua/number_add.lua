-- Add a number to the pool, where it is healthy from the start. Prelude: _pool
-- KEYS[1]  numbers, KEYS[2] load, KEYS[3] routes of the number, KEYS[4] people of the lobby, then
--          its sets
-- ARGV     number, its record (JSON)
-- Returns  added, known (in the pool already) or participant (of an open session, or waiting).
if redis.call('EXISTS', KEYS[3]) == 1 then return 'participant' end
if redis.call('HEXISTS', KEYS[4], ARGV[1]) == 1 then return 'participant' end
if redis.call('HSETNX', KEYS[1], ARGV[1], ARGV[2]) == 0 then return 'known' end
pool_join(ARGV[1], KEYS[2], 5)
return 'added'
