-- Forget an open session whose hash is gone: a store that throws keys away took it.
-- Preludes: _load _session
-- KEYS[1]  … see _session
-- ARGV     id, its unique name ('' = not known)
-- Returns  1 when it is gone, 0 when it is there and nothing was done.
local k, id = session_keys(1), ARGV[1]
if redis.call('EXISTS', k.session) == 1 then return 0 end
local created = redis.call('ZSCORE', k.sessions, id)
for _, routes in ipairs({k.routes_a, k.routes_b}) do
  local flat = redis.call('HGETALL', routes)
  for i = 1, #flat, 2 do
    if string.match(flat[i + 1], '^%S+') == id then
      redis.call('HDEL', routes, flat[i])
    end
  end
end
-- Which numbers it was on stood in its hash; a pool has few, and this happens seldom.
for _, number in ipairs(created and redis.call('HKEYS', k.numbers) or {}) do
  release(k, number, string.format('%.0f', created), id)
end
if redis.call('HGET', k.unique_names, ARGV[2]) == id then
  redis.call('HDEL', k.unique_names, ARGV[2])
end
redis.call('ZREM', k.sessions, id)
redis.call('ZREM', k.expiries, id)
return 1
