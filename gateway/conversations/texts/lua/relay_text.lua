-- Take a text of one participant and queue it for the other.
-- Preludes: _enqueue _once _window _sides _pauses _log _owe _optouts
-- KEYS[1]  token, KEYS[2] assemblies, KEYS[3] routes of the sender, KEYS[4] session, KEYS[5] optouts,
--          KEYS[6] log, KEYS[7] its states, KEYS[8] and KEYS[9] logs of both, KEYS[10] due, KEYS[11]
--          queue to the counterpart, KEYS[12] announce, KEYS[13] expiries, KEYS[14] passed, KEYS[15]
--          held of this side, KEYS[16] held of all, KEYS[17] optouts of erased numbers
-- ARGV     digest of the parts or '', virtual number, route, counterpart as optouts have him, session
--          id, side, message id, what both said last ('' = no guard), direction, entry, log entry ('' =
--          no log), word that tells the sender of an opt-out ('' = none), how long the session may be
--          silent from now on (ms, 0 = its expiry stays), 1 for a loop, 1 if the text is like one of
--          the last of its side, word of a pause, cap of a side: amount, in a window (ms), amount in
--          24 h (0 = any), the word of that; more entries
-- Returns  changed (look again), over (the session has expired), overflow (it would be held for more
--          than a day), repeated, relayed, held, suppressed (opted out) or paused.
local now = now_ms()
if redis.call('HGET', KEYS[3], ARGV[2]) ~= ARGV[3] then return 'changed' end
local found = redis.call('HMGET', KEYS[4], 'expires', 'paused')
if found[1] and found[1] ~= '0' and tonumber(found[1]) <= now then return 'over' end
local since = opted_out(KEYS[5], KEYS[17], ARGV[4])
local cap = {amount = tonumber(ARGV[17]), window = tonumber(ARGV[18]), day = tonumber(ARGV[19])}
if redis.call('EXISTS', KEYS[15]) == 0 then window_follow(KEYS[14], DAY_MS, now) end
local at, waits = earliest(KEYS[14], KEYS[15], cap, now)
if at > now + DAY_MS and not since and not found[2] then return 'overflow' end
if not once(KEYS[1], KEYS[2], ARGV[1]) then return 'repeated' end
redis.call('HINCRBY', KEYS[4], 'texts', 1)
if ARGV[8] ~= '' then redis.call('HSET', KEYS[4], 'said', ARGV[8]) end
local guard = {paused = found[2], looped = ARGV[14], familiar = ARGV[15], word = ARGV[16]}
local result, entries = 'relayed', {ARGV[10], unpack(ARGV, 21)}
if since then
  result = 'suppressed'
  owe_opted_out(KEYS[12], KEYS[4], ARGV[5], ARGV[6], since, ARGV[12], now)
elseif pauses(KEYS[4], KEYS[12], ARGV[5], guard, now) then result = 'paused'
else
  pass(KEYS[14], cap, at, now)
  result = at > now and 'held' or result
  if at > now then owe_seldom(KEYS[12], KEYS[4], ARGV[5], ARGV[20], 1, now) end
  local member = ARGV[5] .. ' ' .. ARGV[6] .. ' ' .. ARGV[9]
  if waits then hold(KEYS[15], KEYS[16], member, at, ARGV[7], entries)
  else for _, each in ipairs(entries) do enqueue(KEYS[11], KEYS[10], ARGV[9], each, now) end end
end
if ARGV[13] ~= '0' then stays_open(KEYS[4], KEYS[13], ARGV[5], now + tonumber(ARGV[13])) end
if ARGV[11] == '' then return result end
log_add(KEYS[6], KEYS[8], KEYS[9], ARGV[5], ARGV[11])
redis.call('HSET', KEYS[7], ARGV[7], result == 'relayed' and 'queued' or result)
return result
