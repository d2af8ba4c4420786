-- Say that the text of a claim is about to be written, at the pace of its sending number.
-- Preludes: _enqueue _optouts
-- KEYS[1]  directions by due time, KEYS[2] claims, KEYS[3] turns, KEYS[4] reserved turns,
--          KEYS[5] optouts, KEYS[6] those of erased numbers
-- ARGV     direction, claim token, lease (ms), interval (ms, 0 = none), longest wait (ms), 1 if
--          the text is for one who has opted out, too
-- Returns  {write}: do it now; {wait, n}: ask again in n ms; {later}: this turn came too late, the
--          claim was handed back for another one; {opted_out}: the receiver wants no texts;
--          {lost}: the claim is another one's.
local now, interval = now_ms(), tonumber(ARGV[4])
local owner, state = string.match(redis.call('HGET', KEYS[2], ARGV[1]) or '', '^(%S+) (%a+)$')
if owner ~= ARGV[2] then return {'lost'} end
local to = string.match(ARGV[1], '>(.*)$')
if ARGV[6] ~= '1' and opted_out(KEYS[5], KEYS[6], to) then return {'opted_out'} end
local number = string.match(ARGV[1], '^(%+1%d*)>')
if interval > 0 and number then
  local written = tonumber(redis.call('HGET', KEYS[3], number .. ' written') or '0')
  local wait = math.min(written + interval - now, interval)
  local free = math.max(now, tonumber(redis.call('HGET', KEYS[3], number) or '0'))
  if wait > tonumber(ARGV[5]) then
    redis.call('HSET', KEYS[3], number, free + interval)
    redis.call('HSET', KEYS[4], ARGV[1], free)
    redis.call('HDEL', KEYS[2], ARGV[1])
    if state == 'repeating' then redis.call('HSET', KEYS[2], ARGV[1], '- writing') end
    redis.call('ZADD', KEYS[1], free, ARGV[1])
    return {'later'}
  end
  if wait > 0 then return {'wait', wait} end
  redis.call('HSET', KEYS[3], number, math.max(free, now + interval), number .. ' written', now)
  local ttl = redis.call('PTTL', KEYS[3])
  redis.call('PEXPIRE', KEYS[3], math.max(ttl, 3600000 + interval))
end
redis.call('HSET', KEYS[2], ARGV[1], ARGV[2] .. ' writing')
redis.call('ZADD', KEYS[1], now + tonumber(ARGV[3]), ARGV[1])
return {'write'}
