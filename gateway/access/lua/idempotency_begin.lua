-- Begin a request that is to be made once.
-- KEYS[1]  what is known of it
-- ARGV     digest of what it asks for, how long it is known (ms), an id for what it makes
-- Returns  {begun, id of what it makes}, {running}, {reused}: its key stands for another request,
--          or {answered, status, body}.
local known = redis.call('HMGET', KEYS[1], 'request', 'state', 'id', 'status', 'body')
if known[1] and known[1] ~= ARGV[1] then return {'reused'} end
if known[2] == 'answered' then return {'answered', known[4], known[5]} end
if known[2] == 'running' then return {'running'} end
-- One that failed is made again under the id of its first time, which may have come about.
local id = known[3] or ARGV[3]
redis.call('HSET', KEYS[1], 'request', ARGV[1], 'state', 'running', 'id', id)
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return {'begun', id}
