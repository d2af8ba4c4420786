-- Prelude of scripts that send: the clock, and the way into the outbox.
-- now_ms()  the server's time in ms
-- for_strangers(due time)  whether a direction that is due then holds nothing but answers to those
--           who take part in nothing, and waits: half a millisecond in its due time says so
-- enqueue(queue key, due key, direction, entry (JSON), now)  appends a text to its direction;
--           one that waits for a retry or is claimed keeps its turn
local function now_ms()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end
local function for_strangers(time) return tonumber(time) % 1 ~= 0 end
local function enqueue(queue, due, direction, entry, now)
  redis.call('RPUSH', queue, entry)
  local stranger = string.find(entry, '"stranger":true', 1, true)
  if redis.call('ZADD', due, 'NX', stranger and now - 0.5 or now, direction) == 1 then return end
  if not stranger and for_strangers(redis.call('ZSCORE', due, direction)) then
    redis.call('ZADD', due, now, direction)
  end
end
