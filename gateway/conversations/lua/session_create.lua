-- Open a masked session on numbers chosen here. Running it twice changes nothing more.
-- Preludes: _enqueue _load _session _pins _parallel _suit _pick _choose
-- KEYS[1]  … KEYS[21] see _session; KEYS[22] pool to prefer for a, KEYS[23] for b;
--          KEYS[24] pool of all that reach a, KEYS[25] of all that reach b
-- ARGV     id, participant a, participant b, mode, numbers ("shared" or "per-side"), unique name,
--          expires in (ms, 0 = never), number asked for a or '', exclusive (1 or 0), cooldown (ms);
--          of a and b: PINs or '', countries or '', numbers to call or '' = these, other spellings
-- Returns  {created, session (HGETALL)}, {named, id of the session that has the unique name} or
--          {why not}: own_a, own_b (one of our numbers), pin_a, pin_b, none, or see _choose;
--          {short_pin_a or short_pin_b, how many digits that PIN needs}.
local id, a, b, mode, numbers, name = unpack(ARGV, 1, 6)
local k, now, lifetime, cooldown = session_keys(1), now_ms(), tonumber(ARGV[7]), tonumber(ARGV[10])
if redis.call('EXISTS', k.session) == 1 then return {'created', redis.call('HGETALL', k.session)} end
local named = name ~= '' and redis.call('HGET', k.unique_names, name)
if named then return {'named', named} end
-- Redis seeds every script alike; the id is random.
math.randomseed(tonumber(string.sub(id, 1, 7), 16))
local since = cooldown > 0 and now - cooldown or math.huge
local side_a = {routes = k.routes_a, past = k.past_a, counterpart = b, since = since}
local side_b = {routes = k.routes_b, past = k.past_b, counterpart = a, since = since}
local exclusive, wish = ARGV[9] == '1', ARGV[8] ~= '' and ARGV[8]
local pools = {shared = {KEYS[24]}}
if numbers == 'per-side' then pools = {a = {KEYS[22], KEYS[24]}, b = {KEYS[23], KEYS[25]}} end
local why = own_side(k, a, ARGV[17] or a, b, ARGV[18] or b)
  or wish and refused(k, wish, mode, {side_a, pools.shared and side_b}, exclusive)
if why then return {why} end
local idle = exclusive and k['idle_' .. mode]
local number_a, number_b = pick_both(side_a, side_b, pools, idle, wish)
if not number_b then return {'none'} end
local function provider(of) return cjson.decode(redis.call('HGET', k.numbers, of)).provider end
local s = {
  created = string.format('%d', now),
  expires = lifetime > 0 and string.format('%d', now + lifetime) or '0',
  participant_a = a, participant_b = b, number_a = number_a, number_b = number_b,
  provider_a = provider(number_a), provider_b = provider(number_b),
  mode = mode, numbers = numbers, unique_name = name, kind = 'masked', closed = '0',
  pin_a = ARGV[11], pin_b = ARGV[12], country_a = ARGV[13], country_b = ARGV[14],
  called_a = ARGV[15] ~= '' and ARGV[15] or nil, called_b = ARGV[16] ~= '' and ARGV[16] or nil,
}
local refusal, digits = pins_refused(k, s)
if refusal then return {refusal, digits} end
open_session(k, id, s)
pins_keep(k, id, s)
for _, of in ipairs({'a', 'b'}) do parallel_more(k, k['routes_' .. of], s['country_' .. of], now) end
return {'created', redis.call('HGETALL', k.session)}
