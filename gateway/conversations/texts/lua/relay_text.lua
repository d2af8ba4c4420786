-- Take a text of one participant and queue it for the other.
-- Preludes: _enqueue _once _window _sides _log _owe
-- KEYS[1]  token, KEYS[2] assemblies, KEYS[3] routes of the sender, KEYS[4] session,
--          KEYS[5] optouts, KEYS[6] log, KEYS[7] its states, KEYS[8] and KEYS[9] logs of both,
--          KEYS[10] due, KEYS[11] queue to the counterpart, KEYS[12] announce, KEYS[13] expiries,
--          KEYS[14] passed and KEYS[15] held of this side, KEYS[16] held of all
-- ARGV     digest of the parts or '', virtual number, route, counterpart as optouts have him,
--          session id, side, message id, what both said last ('' = no guard), direction, entry,
--          log entry ('' = no log), word that
--          announces to the sender that the counterpart has opted out ('' = he is not told); how
--          long the session may be silent from now on (ms, 0 = its expiry stays); of the guard: 1
--          for a loop, 1 if the text is like one of the last of its side, the word of a pause; cap
--          of a side: amount, in a window (ms), amount in 24 h, 0 = any, the word of that; more
--          entries
-- Returns  changed (look again), over (the session has expired), overflow (it would be held for
--          more than a day: nothing was done), repeated, relayed, held (above the cap),
--          suppressed (opted out) or paused (a loop).
local now = now_ms()
if redis.call('HGET', KEYS[3], ARGV[2]) ~= ARGV[3] then return 'changed' end
local found = redis.call('HMGET', KEYS[4], 'expires', 'paused')
local expires, paused = tonumber(found[1] or '0'), found[2]
if expires > 0 and expires <= now then return 'over' end
local since = redis.call('ZSCORE', KEYS[5], ARGV[4])
local cap = {amount = tonumber(ARGV[17]), window = tonumber(ARGV[18]), day = tonumber(ARGV[19])}
-- Without held texts none leaves later: what is ahead was noted before the clock was put back.
if redis.call('EXISTS', KEYS[15]) == 0 then window_follow(KEYS[14], DAY_MS, now) end
local at, waits = earliest(KEYS[14], KEYS[15], cap, now)
if at > now + DAY_MS and not since and not paused then return 'overflow' end
if not once(KEYS[1], KEYS[2], ARGV[1]) then return 'repeated' end
redis.call('HINCRBY', KEYS[4], 'texts', 1)
if ARGV[8] ~= '' then redis.call('HSET', KEYS[4], 'said', ARGV[8]) end
local result, state = 'relayed', 'queued'
if since then
  result, state = 'suppressed', 'suppressed'
  owe_opted_out(KEYS[12], KEYS[4], ARGV[5], ARGV[6], since, ARGV[12], now)
elseif paused and ARGV[15] == '1' then
  result, state = 'paused', 'paused'
elseif ARGV[14] == '1' and not paused then
  result, state = 'paused', 'paused'
  redis.call('HSET', KEYS[4], 'paused', string.format('%.0f', now))
  -- A machine would answer the notice, too, and may break the pause by that.
  owe_seldom(KEYS[12], KEYS[4], ARGV[5], ARGV[16], 5, now)
else
  if paused then redis.call('HDEL', KEYS[4], 'paused') end
  pass(KEYS[14], cap, at, now)
  if at > now then
    result, state = 'held', 'held'
    owe_seldom(KEYS[12], KEYS[4], ARGV[5], ARGV[20], 1, now)
  end
  local member = ARGV[5] .. ' ' .. ARGV[6] .. ' ' .. ARGV[9]
  local function leave(entry)
    if waits then hold(KEYS[15], KEYS[16], member, at, ARGV[7], entry)
    else enqueue(KEYS[11], KEYS[10], ARGV[9], entry, now) end
  end
  leave(ARGV[10])
  for i = 21, #ARGV do leave(ARGV[i]) end
end
if ARGV[13] ~= '0' then
  local silent = string.format('%.0f', now + tonumber(ARGV[13]))
  redis.call('HSET', KEYS[4], 'expires', silent)
  redis.call('ZADD', KEYS[13], silent, ARGV[5])
end
if ARGV[11] ~= '' then
  log_add(KEYS[6], KEYS[8], KEYS[9], ARGV[5], ARGV[11])
  redis.call('HSET', KEYS[7], ARGV[7], state)
end
return result
