-- Note that the link of a message was opened, the first time.
-- KEYS[1]  message hash
-- ARGV     the link's code, the time (ms)
-- Returns  {} when there is no such message (any more), or it has another link; else 1 the first
--          time and 0 later, and what it was: to, source, site or '', created.
local found = redis.call('HMGET', KEYS[1], 'link', 'to', 'source', 'site', 'created')
if found[1] ~= ARGV[1] then return {} end
local first = redis.call('HSETNX', KEYS[1], 'clicked', ARGV[2])
return {first, found[2], found[3], found[4] or '', found[5]}
