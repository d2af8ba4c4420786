-- Keep claims from being taken over. Preludes: _enqueue
-- KEYS[1]  directions by due time, KEYS[2] claims
-- ARGV     lease (ms), then direction, claim token, direction, claim token …
-- Returns  how many of the claims still belong to their tokens.
local until_then, renewed = now_ms() + tonumber(ARGV[1]), 0
for i = 2, #ARGV, 2 do
  local claim = redis.call('HGET', KEYS[2], ARGV[i]) or ''
  if string.match(claim, '^%S+') == ARGV[i + 1] then
    redis.call('ZADD', KEYS[1], until_then, ARGV[i])
    renewed = renewed + 1
  end
end
return renewed
