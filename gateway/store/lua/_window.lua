-- Prelude: at most so many in any window of time. A list holds the times (ms), newest first.
-- window_ahead(key, now)  how far (ms) the server's clock was put back since the newest of them
-- window_follow(key, window (ms), now)  moves back with the clock what was counted before
-- window_wait(key, amount, window, now)  0, or the ms until one more would be counted
-- window_used(key, window, now)  how many of them the last window holds
-- window_add(key, kept, window, now)  counts one more; so many times are kept
-- window_count(key, amount, window, now)  counts one more: 0, else the ms until it would be
local function window_ahead(key, now)
  return math.max(0, (tonumber(redis.call('LINDEX', key, 0) or now)) - now)
end
local function window_follow(key, window, now)
  local ahead = window_ahead(key, now)
  if ahead == 0 then return end
  local times = redis.call('LRANGE', key, 0, -1)
  redis.call('DEL', key)
  for _, time in ipairs(times) do redis.call('RPUSH', key, string.format('%.0f', time - ahead)) end
  redis.call('PEXPIRE', key, window)
end
local function window_wait(key, amount, window, now)
  local oldest = redis.call('LINDEX', key, amount - 1)
  return oldest and math.max(0, oldest - window_ahead(key, now) + window - now) or 0
end
local function window_used(key, window, now)
  -- The list is in order, so the first call that the window has left behind is found by halves.
  local low, high = 0, redis.call('LLEN', key)
  while low < high do
    local middle = math.floor((low + high) / 2)
    if window_wait(key, middle + 1, window, now) > 0 then low = middle + 1 else high = middle end
  end
  return low
end
local function window_add(key, kept, window, now)
  local count = redis.call('LPUSH', key, string.format('%.0f', now))
  if count > kept then redis.call('LTRIM', key, 0, kept - 1) end
  redis.call('PEXPIRE', key, window)
end
local function window_count(key, amount, window, now)
  window_follow(key, window, now)
  local wait = window_wait(key, amount, window, now)
  if wait == 0 then window_add(key, amount, window, now) end
  return wait
end
