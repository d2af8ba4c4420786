-- Prelude of session_create: which virtual number suits best.
-- best(numbers, sides, except)  the one that suits every side and that none of them has had for
--           longest, a random one of equals, and when one had it last (ms, 0 = never); nil when
--           none suits or all but `except` do not.
--           A side: routes and past (keys), counterpart, and since (ms): a number of a session
--           closed after that suits him only with the same counterpart.
local UNSUITABLE = math.huge
local CHUNK = 1000 -- unpack takes no more than some thousand
local function look(numbers, side, last)
  local routes = redis.call('HMGET', side.routes, unpack(numbers))
  local past = redis.call('HMGET', side.past, unpack(numbers))
  for i, number in ipairs(numbers) do
    if routes[i] then
      last[number] = UNSUITABLE
    elseif past[i] then
      local closed, counterpart = string.match(past[i], '^(%d+) (%S+)')
      local at = tonumber(closed)
      if at > side.since and counterpart ~= side.counterpart then at = UNSUITABLE end
      last[number] = math.max(last[number] or 0, at)
    end
  end
end
local function best(numbers, sides, except)
  local last = {[except] = UNSUITABLE}
  for first = 1, #numbers, CHUNK do
    local some = {unpack(numbers, first, math.min(first + CHUNK - 1, #numbers))}
    for _, side in ipairs(sides) do look(some, side, last) end
  end
  local chosen, had, equals = nil, UNSUITABLE, 0
  for _, number in ipairs(numbers) do
    local at = last[number] or 0
    if at < had then chosen, had, equals = number, at, 0 end
    if at == had and at < UNSUITABLE then
      equals = equals + 1
      if math.random(equals) == 1 then chosen = number end
    end
  end
  return chosen, had
end
