-- Prelude of limits that let some through though they are full. Needs _window and _looked.
-- A layer: a list (see _looked) with spare (key), amount, kind, who, some. By kind are let through
--   callers: who has had no call counted in the window, after a wait since the last of all calls
--            that begins at a minute, doubles with each call beyond the amount, ends at an hour;
--            up to a quarter more or less, by who came last, so that all who ask meanwhile are
--            told the same moment. spare: when each was counted last (sorted set)
--   share:   the first ``some`` calls for each part of the whole, such as a country, until all
--            together are three times the amount; spare: their times (list)
-- spare_wait(layer, now)  0, or the ms until the layer lets the call through
-- spare_add(layer, now, words)  counts it; words: now
local SPARE_FIRST, SPARE_LONGEST, SPARE_DOUBLED, SPARE_TIMES = 60000, 3600000, 6, 3
local function spare_callers_wait(layer, now, full)
  local known = redis.call('ZSCORE', layer.spare, layer.who)
  if known and known + layer.window > now then return full end
  local beyond = 0
  for n = 1, SPARE_DOUBLED do
    if looked_wait(layer, layer.amount + n, now) > 0 then beyond = n end
  end
  local came = redis.call('ZREVRANGE', layer.spare, 0, 0)[1] or ''
  local jitter = tonumber(string.sub(redis.sha1hex(layer.spare .. came), 1, 4), 16) / 0x20000
  local step = math.min(SPARE_FIRST * 2 ^ beyond, SPARE_LONGEST) * (0.75 + jitter)
  return math.max(0, math.min(full, math.ceil(math.min(layer.newest, now) + step - now)))
end
local function spare_wait(layer, now)
  local full = looked_wait(layer, layer.amount, now)
  if full == 0 or layer.kind == '' then return full end
  if layer.kind == 'callers' then return spare_callers_wait(layer, now, full) end
  local all = looked_wait(layer, SPARE_TIMES * layer.amount, now)
  return math.min(full, math.max(all, window_wait(layer.spare, layer.some, layer.window, now)))
end
local function spare_add(layer, now, words)
  local kept, window = layer.amount, layer.window
  if layer.kind == 'callers' then
    kept = kept + SPARE_DOUBLED
    redis.call('ZADD', layer.spare, words, layer.who)
    local over = layer.newest and string.format('%.0f', now - window)
    if over then redis.call('ZREMRANGEBYSCORE', layer.spare, '-inf', over) end
    redis.call('PEXPIRE', layer.spare, window)
  elseif layer.kind == 'share' then
    kept = kept * SPARE_TIMES
    looked_add(looked_at({key = layer.spare, window = window}, now, true), layer.some, now, words)
  end
  looked_add(layer, kept, now, words)
end
