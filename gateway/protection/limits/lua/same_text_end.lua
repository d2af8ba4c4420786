-- Keep the answer to a text that was sent, or let it be sent again.
-- KEYS[1]  what is known of this text to this number
-- ARGV     id of the message, its answer ('' = it was not sent), how long it is kept (ms)
-- Returns  1, or 0 when another message has begun since.
local id = redis.call('HGET', KEYS[1], 'id')
if id and id ~= ARGV[1] then return 0 end
if ARGV[2] == '' then return redis.call('DEL', KEYS[1]) end
redis.call('HSET', KEYS[1], 'id', ARGV[1], 'answer', ARGV[2])
return redis.call('PEXPIRE', KEYS[1], ARGV[3])
