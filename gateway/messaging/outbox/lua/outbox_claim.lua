-- Claim directions that are due, in order of their time. Preludes: _enqueue _clock _turns
-- KEYS[1]  directions by due time, KEYS[2] claims, KEYS[3] turns, KEYS[4] reserved turns,
--          KEYS[5] the newest time seen
-- ARGV     claim token, most claims, most directions looked at, lease (ms), interval (ms) between
--          texts of one North American number (0 = none), 1 to take over what may be written,
--          then the tokens of the caller's own claims: what he works on is not taken from him
-- Returns  ms until the next direction is due (-1 = there is none), then direction and state of
--          each claim: claimed, or repeating when a dead process may have written its text.
local now, lease, interval = now_ms(), tonumber(ARGV[4]), tonumber(ARGV[5])
clock_follow(
  {due = KEYS[1], claims = KEYS[2], turns = KEYS[3], reserved = KEYS[4], clock = KEYS[5]},
  now, lease)
local found, own = {-1}, {}
for i = 7, #ARGV do own[ARGV[i]] = true end
local due =
  redis.call('ZRANGE', KEYS[1], '-inf', now, 'BYSCORE', 'LIMIT', 0, ARGV[3], 'WITHSCORES')
for i = 1, #due, 2 do
  local direction = due[i]
  -- A claim that was not renewed is one of a dead process; its turn was taken already.
  local left = redis.call('HGET', KEYS[2], direction)
  local state = (not left or string.match(left, ' claimed$')) and 'claimed' or 'repeating'
  local at = left and now or turn(KEYS[3], KEYS[4], direction, due[i + 1], interval, now)
  if state == 'repeating' and ARGV[6] ~= '1' then at = now + 1000 end
  if left and own[string.match(left, '^%S+')] then at = now + lease end
  if at == now then
    redis.call('HSET', KEYS[2], direction, ARGV[1] .. ' ' .. state)
    table.insert(found, direction)
    table.insert(found, state)
    at = now + lease
  end
  redis.call('ZADD', KEYS[1], at, direction)
  if #found > 2 * tonumber(ARGV[2]) then break end
end
local following = redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')[2]
if following then found[1] = math.max(0, tonumber(following) - now) end
return found
