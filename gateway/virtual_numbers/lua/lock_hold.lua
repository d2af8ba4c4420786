-- Take a lock, keep it, or give it back.
-- KEYS[1]  the lock
-- ARGV     token of the holder, lease (ms; 0 = give it back)
-- Returns  1 when the token holds it now or has given it back, 0 when another one holds it.
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return 0 end
if ARGV[2] == '0' then
  redis.call('DEL', KEYS[1])
else
  redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
end
return 1
