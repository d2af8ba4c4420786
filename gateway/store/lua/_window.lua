-- Prelude: at most so many in any window of time. A list holds the times (ms), newest first.
-- window_ahead(key, now)  how far (ms) the server's clock was put back since the newest of them
-- window_count(key, amount, window (ms), now)  counts one more: 0, else the ms until it would be;
--           what was counted before the clock was put back moves with it
local function window_ahead(key, now)
  return math.max(0, (tonumber(redis.call('LINDEX', key, 0) or now)) - now)
end
local function window_move_back(key, ahead, window)
  local times = redis.call('LRANGE', key, 0, -1)
  redis.call('DEL', key)
  for _, time in ipairs(times) do redis.call('RPUSH', key, string.format('%.0f', time - ahead)) end
  redis.call('PEXPIRE', key, window)
end
local function window_count(key, amount, window, now)
  local ahead = window_ahead(key, now)
  if ahead > 0 then window_move_back(key, ahead, window) end
  local oldest = redis.call('LINDEX', key, amount - 1)
  if oldest and oldest + window > now then return oldest + window - now end
  redis.call('LPUSH', key, string.format('%.0f', now))
  redis.call('LTRIM', key, 0, amount - 1)
  redis.call('PEXPIRE', key, window)
  return 0
end
