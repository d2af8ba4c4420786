-- Close an assembly whose deadline has passed, and read it if it is closed: nothing is added to it
-- any more, so that whoever deletes it has seen all of it.
-- KEYS[1]  assembly, KEYS[2] names the open assembly of its reference, KEYS[3] deadlines
-- ARGV     the assembly's name, its lifetime (ms)
-- Returns  all that it holds, nothing when its parts are gone, or nil when it is open or was
--          taken already.
local deadline = redis.call('ZSCORE', KEYS[3], ARGV[1])
if not deadline then return nil end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if redis.call('HGET', KEYS[2], 'open') == ARGV[1] then
  if now < tonumber(deadline) then return nil end
  redis.call('DEL', KEYS[2])
end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return redis.call('HGETALL', KEYS[1])
