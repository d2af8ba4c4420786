-- Prelude: a list of times (ms), newest first, of which as little as possible is read: each command
-- of a script costs about a microsecond, and a call has a dozen lists. Needs _window.
-- looked_at(list, now, moving)  notes in a table of key and window (ms) what its newest time tells;
--           moving: what lies ahead of a clock that was put back moves back with it
-- looked_wait(list, amount, now)  0, or the ms until one more would be counted
-- looked_used(list, now)  how many of them the last window holds, the ms until one less
-- looked_add(list, kept, now, words)  counts one more, so many times are kept; words: now
-- A list lasts a minute longer than a window of more than that, so that its end is set once a minute.
local LOOKED_MINUTE = 60000
local function looked_life(list)
  return list.window > LOOKED_MINUTE and list.window + LOOKED_MINUTE or list.window
end
local function looked_at(list, now, moving)
  list.newest = redis.call('LINDEX', list.key, 0)
  if not list.newest then list.length = 0 end
  local ahead = (list.newest or now) - now
  if ahead > 0 and moving then window_follow(list.key, looked_life(list), now) end
  list.ahead = moving and 0 or math.max(0, ahead)
  return list
end
local function looked_wait(list, amount, now)
  list.length = list.length or redis.call('LLEN', list.key)
  if list.length < amount then return 0 end
  return math.max(0, redis.call('LINDEX', list.key, amount - 1) - list.ahead + list.window - now)
end
local function looked_used(list, now)
  -- The list is in order, so the first call that the window has left behind is found by halves.
  local low, high, middle, less = 0, list.length, list.length, 0
  while low < high do
    local wait = looked_wait(list, middle, now)
    if wait > 0 then low, less = middle, wait else high = middle - 1 end
    middle = math.ceil((low + high) / 2)
  end
  return low, less
end
local function looked_add(list, kept, now, words)
  local length, minute = redis.call('LPUSH', list.key, words), math.floor(now / LOOKED_MINUTE)
  if length > kept then redis.call('LTRIM', list.key, 0, kept - 1) end
  local known = list.window > LOOKED_MINUTE and list.newest
  if not known or math.floor(known / LOOKED_MINUTE) ~= minute then
    redis.call('PEXPIRE', list.key, looked_life(list))
  end
  list.newest, list.length, list.ahead = now, math.min(length, kept), 0
end
