-- Reserve the next moment at which a request may leave, so that no `interval` holds more than
-- `rate` of them; requests of all processes queue up behind each other. Prelude: _enqueue
-- KEYS[1]  list of the last `rate` reserved times (ms), newest first, KEYS[2] the newest time seen
-- ARGV     rate, interval (ms), longest wait (ms), hold (ms): nothing leaves before now + hold;
--          longest wait of anybody (ms): what is reserved beyond it cannot be meant
-- Returns  the milliseconds to wait, or -1 when that were longer than the longest wait.
local rate, interval = tonumber(ARGV[1]), tonumber(ARGV[2])
local now = now_ms()
-- What was reserved before the server's clock was put back moves with it.
local ahead = math.max(0, tonumber(redis.call('GET', KEYS[2]) or now) - now)
local function reserved(index)
  local time = redis.call('LINDEX', KEYS[1], index)
  return time and time - ahead
end
local newest = reserved(0)
if newest and newest - now > tonumber(ARGV[5]) then
  redis.call('DEL', KEYS[1])
  newest = nil
elseif newest and ahead > 0 then
  local times = redis.call('LRANGE', KEYS[1], 0, -1)
  for i, time in ipairs(times) do
    redis.call('LSET', KEYS[1], i - 1, string.format('%.0f', time - ahead))
  end
  ahead = 0
end
local at = math.max(now + tonumber(ARGV[4]), newest or now)
local last = reserved(rate - 1)
if last then at = math.max(at, last + interval) end
local refused = at - now > tonumber(ARGV[3])
local matters = math.max(newest or now, refused and now or at) - now + interval
redis.call('SET', KEYS[2], string.format('%.0f', now), 'PX', matters)
if refused then
  if newest then redis.call('PEXPIRE', KEYS[1], matters) end
  return -1
end
redis.call('LPUSH', KEYS[1], string.format('%.0f', at))
redis.call('LTRIM', KEYS[1], 0, rate - 1)
redis.call('PEXPIRE', KEYS[1], matters)
return at - now
