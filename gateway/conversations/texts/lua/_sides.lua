-- Prelude: how many texts one side of a session may send, and those above that.
-- earliest(passed key, held key, cap, now)  when (ms) a further text may leave, and whether it has
--           to wait: behind those whose time has come but that nobody has queued yet, too; cap:
--           amount in window (ms), day in 24 h, 0 = any number; passed: when its texts left or
--           leave, newest first
-- pass(passed key, cap, at, now)  notes that one leaves then
-- hold(held key, index key, member, at, id, entries (JSON))  keeps a text until then, behind those
--           that are held already; member: "<session> <side> <direction>"
local DAY_MS = 86400000
local function earliest(passed, held, cap, now)
  local last = redis.call('LINDEX', held, -1)
  local at = math.max(now, tonumber(last and string.match(last, '^%d+') or '0'))
  local nth = cap.amount > 0 and redis.call('LINDEX', passed, cap.amount - 1)
  if nth then at = math.max(at, tonumber(nth) + cap.window) end
  -- Who has not written so many texts yet has not written still more.
  local more = cap.day > 0 and (nth or cap.day < cap.amount or cap.amount == 0)
  nth = more and redis.call('LINDEX', passed, cap.day - 1)
  if nth then at = math.max(at, tonumber(nth) + DAY_MS) end
  return at, last or at > now
end
local function pass(passed, cap, at, now)
  local most = math.max(cap.amount, cap.day)
  if most == 0 then return end
  if redis.call('LPUSH', passed, string.format('%.0f', at)) > most then
    redis.call('LTRIM', passed, 0, most - 1)
  end
  redis.call('PEXPIRE', passed, DAY_MS + at - now)
end
local function hold(held, index, member, at, id, entries)
  local when = string.format('%.0f', at)
  for _, entry in ipairs(entries) do redis.call('RPUSH', held, when .. ' ' .. id .. ' ' .. entry) end
  redis.call('ZADD', index, 'NX', when, member)
end
