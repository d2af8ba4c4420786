-- End the pause of an open session.
-- KEYS[1]  session
-- ARGV     nothing
-- Returns  the session (HGETALL), empty when it is not open or over.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local expires = tonumber(redis.call('HGET', KEYS[1], 'expires') or '0')
if redis.call('HGET', KEYS[1], 'closed') ~= '0' then return {} end
if expires > 0 and expires <= now then return {} end
redis.call('HDEL', KEYS[1], 'paused', 'said')
return redis.call('HGETALL', KEYS[1])
