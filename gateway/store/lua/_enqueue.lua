-- Prelude of scripts that send: the clock, and the way into the outbox.
-- now_ms()  the server's time in ms
-- enqueue(queue key, due key, direction, entry (JSON), now)  appends a text to its direction;
--           one that waits for a retry or is claimed keeps its turn
local function now_ms()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end
local function enqueue(queue, due, direction, entry, now)
  redis.call('RPUSH', queue, entry)
  redis.call('ZADD', due, 'NX', now, direction)
end
