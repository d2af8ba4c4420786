-- Store one part of a long MO in the assembly that is open under its reference.
-- KEYS[1]  seen: names the assembly that took this part, KEYS[2] names the open assembly,
--          KEYS[3] an assembly, KEYS[4] deadlines
-- ARGV     the assembly's name, the name to begin a new one under, part id, part number, total,
--          its body and what all parts share (JSON), wait for the other parts (ms), wait for the
--          process that completed it (ms), lifetime of the assembly and of the seen mark (ms)
-- Returns  {repeated, name of the assembly that took this part},
--          {other, name of the assembly that is open}: nothing was done, call again with it,
--          {reused}: the reference was used for another text, its assembly is closed; call again,
--          {waiting}, or {complete}; with reused and complete all that the assembly holds.
local taken = redis.call('GET', KEYS[1])
if taken then return {'repeated', taken} end
local name = redis.call('HGET', KEYS[2], 'open') or ARGV[2]
if name ~= ARGV[1] then return {'other', name} end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local stored = redis.call('HGET', KEYS[3], ARGV[4])
if stored and stored ~= ARGV[6] then
  redis.call('DEL', KEYS[2])
  redis.call('ZADD', KEYS[4], now, name)
  return {'reused', redis.call('HGETALL', KEYS[3])}
end
redis.call('HSET', KEYS[3], ARGV[4], ARGV[6])
redis.call('HSETNX', KEYS[3], 'id:' .. ARGV[4], ARGV[3])
redis.call('HSETNX', KEYS[3], 'meta', ARGV[7])
redis.call('PEXPIRE', KEYS[3], ARGV[10])
redis.call('SET', KEYS[1], name, 'PX', ARGV[11])
redis.call('ZADD', KEYS[4], 'NX', now + ARGV[8], name)
-- Its fields are meta and two for each part.
if redis.call('HLEN', KEYS[3]) < 1 + 2 * ARGV[5] then
  redis.call('HSET', KEYS[2], 'open', name)
  redis.call('PEXPIRE', KEYS[2], ARGV[10])
  return {'waiting'}
end
redis.call('DEL', KEYS[2])
redis.call('ZADD', KEYS[4], 'LT', now + ARGV[9], name)
return {'complete', redis.call('HGETALL', KEYS[3])}
