-- Open a chat between one who waits and one who comes.
-- Preludes: _enqueue _once _load _session _parallel
-- KEYS[1]  token, KEYS[2] assemblies, KEYS[3] lobby, KEYS[4] its people; KEYS[5] … see _session,
--          the one who waits being a
-- ARGV     digest of the parts or '', session id, how long it may be silent (ms); who waits, his
--          place (JSON), his number, its provider; who comes, his number, its provider; countries
--          of both or ''
-- Returns  paired, changed (look again) or repeated.
local k = session_keys(5)
local waiting, joining, now = ARGV[4], ARGV[8], now_ms()
if waiting == joining or redis.call('HGET', KEYS[4], waiting) ~= ARGV[5] then return 'changed' end
if redis.call('HEXISTS', k.routes_b, ARGV[9]) == 1 then return 'changed' end
-- Who waits may have got a session on his number, which the chat would take away from him, or have
-- become a number of the pool.
local bound = redis.call('HEXISTS', k.routes_a, ARGV[6]) == 1
  or redis.call('HEXISTS', k.numbers, waiting) == 1
if not bound and not once(KEYS[1], KEYS[2], ARGV[1]) then return 'repeated' end
redis.call('ZREM', KEYS[3], waiting)
redis.call('HDEL', KEYS[4], waiting)
if bound then return 'changed' end
open_session(k, ARGV[2], {
  created = string.format('%d', now), expires = string.format('%d', now + ARGV[3]), closed = '0',
  participant_a = waiting, number_a = ARGV[6], provider_a = ARGV[7],
  participant_b = joining, number_b = ARGV[9], provider_b = ARGV[10],
  mode = 'message', numbers = 'per-side', unique_name = '', kind = 'chat',
  country_a = ARGV[11], country_b = ARGV[12],
})
parallel_more(k, k.routes_a, ARGV[11], now)
parallel_more(k, k.routes_b, ARGV[12], now)
return 'paired'
