-- Wake parked directions: all whose provider is held back no more, and of each that is held back
-- one, when it is time to try.
-- Preludes: _enqueue
-- KEYS[1]  directions by due time, KEYS[2] claims, KEYS[3] providers held back, KEYS[4] parked
-- ARGV     most woken of one provider, over how many ms they are spread
-- Returns  how many were woken, then provider and hold (JSON) of each that is held back.
local now, held, woken, place = now_ms(), {}, 0, '-'
local function wake(member, at)
  local direction = string.match(member, '^%S+ (.*)$')
  local claim = redis.call('HGET', KEYS[2], direction)
  -- Who works on it just now sees for himself; of a dead process only a note is left.
  if claim and string.sub(claim, 1, 2) ~= '- ' then return end
  redis.call('ZADD', KEYS[1], 'XX', at, direction)
  woken = woken + 1
end
local holds = redis.call('HGETALL', KEYS[3])
for i = 1, #holds, 2 do
  held[holds[i]] = true
  local range = {'[' .. holds[i] .. ' ', '(' .. holds[i] .. '!'}
  if now >= cjson.decode(holds[i + 1]).next then
    local first = redis.call('ZRANGE', KEYS[4], range[1], range[2], 'BYLEX', 'LIMIT', 0, 1)[1]
    if first then wake(first, now) end
  end
end
while true do
  local first = redis.call('ZRANGE', KEYS[4], place, '+', 'BYLEX', 'LIMIT', 0, 1)[1]
  if not first then break end
  local provider = string.match(first, '^%S+')
  if not held[provider] then
    local range = {'[' .. provider .. ' ', '(' .. provider .. '!'}
    local all = redis.call('ZRANGE', KEYS[4], range[1], range[2], 'BYLEX', 'LIMIT', 0, ARGV[1])
    for i, member in ipairs(all) do
      wake(member, now + math.floor((i - 1) * tonumber(ARGV[2]) / #all))
      redis.call('ZREM', KEYS[4], member)
    end
  end
  place = '(' .. provider .. '!' -- ! follows the blank in ASCII
end
return {woken, unpack(holds)}
