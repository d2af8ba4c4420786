-- Close an open session. Preludes: _enqueue _once _log _load _session _pins
-- KEYS[1]  … KEYS[19] see _session; KEYS[20] log, KEYS[21] its states, KEYS[22] and KEYS[23]
--          the logs of both participants; KEYS[24] token and KEYS[25] assemblies of an MO that
--          is taken with it
-- ARGV     id, cause: "end" or "expiry" (only if it is over by the clock, "end" only if it is not),
--          announce (1 or 0), how long the log (ms, 0 = not at all) and how long the numbers that
--          the participants had (ms) are kept, digest of the MO's parts or ''
-- Returns  the closed session (HGETALL), empty when it was not open or the cause does not apply,
--          "repeated" when the MO was taken before.
local k, id, now = session_keys(1), ARGV[1], string.format('%d', now_ms())
local s, flat = {}, redis.call('HGETALL', k.session)
for i = 1, #flat, 2 do s[flat[i]] = flat[i + 1] end
local expires = tonumber(s.expires or '0')
local over = expires > 0 and expires <= tonumber(now)
if s.closed ~= '0' or over ~= (ARGV[2] == 'expiry') then return {} end
if KEYS[24] and not once(KEYS[24], KEYS[25], ARGV[6]) then return {'repeated'} end
local function leave(routes, past, number, counterpart)
  local route = redis.call('HGET', routes, number)
  if route and string.match(route, '^%S+') == id then redis.call('HDEL', routes, number) end
  -- Who texts an expired session is told once that it has ended: that is still owed to both.
  redis.call('HSET', past, number, now .. ' ' .. counterpart .. ' ' .. (over and '1' or '0'))
  redis.call('PEXPIRE', past, ARGV[5])
end
leave(k.routes_a, k.past_a, s.number_a, s.participant_b)
leave(k.routes_b, k.past_b, s.number_b, s.participant_a)
release(k, s.number_a, s.created, id)
release(k, s.number_b, s.created, id)
pins_drop(k, id, s)
redis.call('ZREM', k.sessions, id)
redis.call('ZREM', k.expiries, id)
if redis.call('HGET', k.unique_names, s.unique_name) == id then
  redis.call('HDEL', k.unique_names, s.unique_name)
end
redis.call('HSET', k.session, 'closed', now)
local closed, kept = redis.call('HGETALL', k.session), tonumber(ARGV[4])
for _, key in ipairs({KEYS[20], KEYS[21]}) do redis.call('PEXPIRE', key, kept) end
log_ends(KEYS[22], id, tonumber(now), kept)
log_ends(KEYS[23], id, tonumber(now), kept)
if ARGV[3] == '1' then
  redis.call('ZADD', k.announce, now, 'end ' .. id)
  kept = math.max(kept, 3600000) -- whoever queues the notices has to find the session
end
redis.call('PEXPIRE', k.session, kept)
return closed
