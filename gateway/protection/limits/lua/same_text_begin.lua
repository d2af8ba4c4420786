-- Begin to send a text to a number, unless that was done or is being done.
-- KEYS[1]  what is known of this text to this number
-- ARGV     id of the message, for how long (ms) nobody else begins while it is under way
-- Returns  {new}, {known, id, answer} or {running, id}.
local known = redis.call('HMGET', KEYS[1], 'id', 'answer')
if known[2] then return {'known', known[1], known[2]} end
if known[1] then return {'running', known[1]} end
redis.call('HSET', KEYS[1], 'id', ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return {'new'}
