-- Write the delivery state of a text into the log of its session; it only moves forward.
-- KEYS[1]  log, KEYS[2] its states
-- ARGV     message id, state, most states (beyond them, those without an entry in the log are
--          dropped), then the states that this one may replace
-- Returns  1 when it is written; 0 when there is no log (any more) or the state is further on.
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
local current = redis.call('HGET', KEYS[2], ARGV[1])
local forward = not current
for i = 4, #ARGV do forward = forward or ARGV[i] == current end
if not forward then return 0 end
redis.call('HSET', KEYS[2], ARGV[1], ARGV[2])
if redis.call('HLEN', KEYS[2]) > tonumber(ARGV[3]) then
  local logged = {[ARGV[1]] = true}
  for _, entry in ipairs(redis.call('LRANGE', KEYS[1], 0, -1)) do
    logged[string.match(entry, '"id":"([%w-]+)"') or ''] = true
  end
  for _, id in ipairs(redis.call('HKEYS', KEYS[2])) do
    if not logged[id] then redis.call('HDEL', KEYS[2], id) end
  end
end
local left = redis.call('PTTL', KEYS[1])
if left > 0 then redis.call('PEXPIRE', KEYS[2], left) else redis.call('PERSIST', KEYS[2]) end
return 1
