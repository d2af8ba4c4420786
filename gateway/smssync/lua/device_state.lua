-- Tell what is known of a phone.
-- KEYS[1]  phone, KEYS[2] queue, KEYS[3] what phones were handed
-- ARGV     phone
-- Returns  how many SMS wait for it alone, how many it was given in the last hour, then its fields
--          and their values.
local time = redis.call('TIME')
local now, last = time[1] * 1000 + math.floor(time[2] / 1000), '(' .. ARGV[1] .. ';'
local found = redis.call('HGETALL', KEYS[1])
local hour_ago = '(' .. ARGV[1] .. ':' .. now - 3600000
table.insert(found, 1, redis.call('ZLEXCOUNT', KEYS[2], '[' .. ARGV[1] .. ':', last))
table.insert(found, 2, redis.call('ZLEXCOUNT', KEYS[3], hour_ago, last))
return found
