-- Close an open session. Preludes: _enqueue _once _log _load _session _pins _parallel
-- KEYS[1]  … KEYS[21] see _session; KEYS[22] log, KEYS[23] its states, KEYS[24] and KEYS[25]
--          logs of both; KEYS[26] token and KEYS[27] assemblies of an MO that is taken with it
-- ARGV     id, cause: "end" or "expiry" (only if it is over by the clock, "end" only if it is not),
--          word that announces it to one or both ('' = nobody is told), how long (ms) the log (0 =
--          not at all) and the numbers that both had are kept, digest of an MO's parts or ''
-- Returns  the closed session (HGETALL), empty when it was not open or the cause does not apply, or
--          "repeated": the MO was taken before.
local k, id, now = session_keys(1), ARGV[1], string.format('%d', now_ms())
local s, flat = {}, redis.call('HGETALL', k.session)
for i = 1, #flat, 2 do s[flat[i]] = flat[i + 1] end
local over = s.expires ~= '0' and tonumber(s.expires or '0') <= tonumber(now)
if s.closed ~= '0' or over ~= (ARGV[2] == 'expiry') then return {} end
if KEYS[26] and not once(KEYS[26], KEYS[27], ARGV[6]) then return {'repeated'} end
local function leave(routes, past, number, counterpart, country)
  local route = redis.call('HGET', routes, number)
  if route and string.match(route, '^%S+') == id then
    redis.call('HDEL', routes, number)
    parallel_less(k, routes, country, now)
  end
  -- Who texts an expired session is told once that it has ended: that is still owed to both.
  redis.call('HSET', past, number, now .. ' ' .. counterpart .. ' ' .. (over and '1' or '0'))
  redis.call('PEXPIRE', past, ARGV[5])
end
leave(k.routes_a, k.past_a, s.number_a, s.participant_b, s.country_a)
leave(k.routes_b, k.past_b, s.number_b, s.participant_a, s.country_b)
release(k, s.number_a, s.created, id)
release(k, s.number_b, s.created, id)
pins_drop(k, id, s)
redis.call('ZREM', k.sessions, id)
redis.call('ZREM', k.expiries, id)
if redis.call('HGET', k.unique_names, s.unique_name) == id then
  redis.call('HDEL', k.unique_names, s.unique_name)
end
redis.call('HSET', k.session, 'closed', now)
redis.call('HDEL', k.session, 'said')
local closed, kept = redis.call('HGETALL', k.session), tonumber(ARGV[4])
for i = 22, 23 do redis.call('PEXPIRE', KEYS[i], kept) end
for i = 24, 25 do log_ends(KEYS[i], id, tonumber(now), kept) end
if ARGV[3] ~= '' then
  redis.call('ZADD', k.announce, now, ARGV[3] .. ' ' .. id)
  kept = math.max(kept, 3600000) -- whoever queues the notices has to find the session
end
redis.call('PEXPIRE', k.session, kept)
return closed
