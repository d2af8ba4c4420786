-- Reserve the next moment at which a request may leave, so that no `interval` holds more than
-- `rate` of them; requests of all processes queue up behind each other. Preludes: _enqueue _pace
-- KEYS[1]  list of the last `rate` reserved times (ms), newest first, KEYS[2] list of those of the
--          flow, KEYS[3] when who asked: now, the newest time seen, and each flow
-- ARGV     rate, interval (ms), longest wait (ms), hold (ms): nothing leaves before now + hold;
--          longest wait of anybody (ms), flow, shares of all flows
-- Returns  the milliseconds to wait, -1 when that were longer than the longest wait, -2 when the
--          flow has its share of turns ahead while others want theirs: it is to ask again.
local rate, interval, hold = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[4])
local now, meant = now_ms(), tonumber(ARGV[5])
local ahead = math.max(0, tonumber(redis.call('HGET', KEYS[3], 'now') or now) - now)
redis.call('HSET', KEYS[3], 'now', string.format('%.0f', now))
local newest = pace_follow(KEYS[1], ahead, now, meant)
local share = pace_share(KEYS[3], ARGV[6], ARGV[7], rate, now)
local at = math.max(now + hold, newest or now)
local last = redis.call('LINDEX', KEYS[1], rate - 1)
if last then at = math.max(at, last + interval) end
local used = share and hold == 0 and redis.call('LINDEX', KEYS[2], share - 1)
-- What lies beyond the newest turn of all was reserved before the clock was put back.
used = used and tonumber(used) > now and tonumber(used) <= (newest or now)
local refused = at - now > tonumber(ARGV[3]) and -1 or used and -2
local matters = math.max(newest or now, refused and now or at) - now + interval
for i = 1, 2 do
  if not refused then
    redis.call('LPUSH', KEYS[i], string.format('%.0f', at))
    redis.call('LTRIM', KEYS[i], 0, rate - 1)
  end
  redis.call('PEXPIRE', KEYS[i], matters)
end
redis.call('PEXPIRE', KEYS[3], math.max(matters, 10000))
return refused or at - now
