-- Hand back all claims of a token that nobody knows: the answer to its call was lost.
-- Preludes: _enqueue
-- KEYS[1]  directions by due time, KEYS[2] claims
-- ARGV     claim token
-- Returns  how many claims were handed back.
local now, handed_back = now_ms(), 0
local claims = redis.call('HGETALL', KEYS[2])
for i = 1, #claims, 2 do
  local owner, state = string.match(claims[i + 1], '^(%S+) (%a+)$')
  if owner == ARGV[1] then
    redis.call('HDEL', KEYS[2], claims[i])
    if state == 'repeating' then redis.call('HSET', KEYS[2], claims[i], '- writing') end
    redis.call('ZADD', KEYS[1], now, claims[i])
    handed_back = handed_back + 1
  end
end
return handed_back
