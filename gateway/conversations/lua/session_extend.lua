-- Let an open session end at another time, or never.
-- KEYS[1]  session, KEYS[2] expiries
-- ARGV     id, expires in (ms from now, 0 = never)
-- Returns  the session (HGETALL), empty when it is not open or over.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local expires = tonumber(redis.call('HGET', KEYS[1], 'expires') or '0')
if redis.call('HGET', KEYS[1], 'closed') ~= '0' then return {} end
if expires > 0 and expires <= now then return {} end
local lifetime = tonumber(ARGV[2])
local wanted = lifetime > 0 and string.format('%d', now + lifetime) or '0'
redis.call('HSET', KEYS[1], 'expires', wanted)
if lifetime > 0 then redis.call('ZADD', KEYS[2], wanted, ARGV[1])
else redis.call('ZREM', KEYS[2], ARGV[1]) end
return redis.call('HGETALL', KEYS[1])
