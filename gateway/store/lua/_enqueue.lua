-- Prelude of scripts that send: the clock, and the way into the outbox.
-- now_ms()  the server's time in ms
-- for_stranger(entry (JSON))  whether a text goes to one who takes part in nothing
-- enqueue(queue key, due key, direction, entry (JSON), now)  appends a text to its direction;
--           one that waits for a retry or is claimed keeps its turn, one that only waits behind
--           participants' texts does not wait any longer once it has one of them
local function now_ms()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end
local function for_stranger(entry)
  return string.find(entry or '', '"stranger":true', 1, true) ~= nil
end
local function enqueue(queue, due, direction, entry, now)
  local length = redis.call('RPUSH', queue, entry)
  redis.call('ZADD', due, 'NX', now, direction)
  if length == 1 or for_stranger(entry) then return end
  if not for_stranger(redis.call('LINDEX', queue, -2)) then return end
  if redis.call('HEXISTS', '{relay}:claims', direction) == 0 then
    redis.call('ZADD', due, 'XX', 'LT', now, direction)
  end
end
