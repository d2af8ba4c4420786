-- Prelude of scripts that open or close a session. It needs _load before it.
-- session_keys(first)  the keys from KEYS[first] on by name; gateway.conversations.session.session_keys gives
--           them in this order
-- open_session(k, id, s)  writes a session down, with its routes and its place in every index;
--           s: its fields as text: those of session.Session but id, texts and, of a chat, the PINs;
--           and the countries of the participants as _parallel is to count them, '' = unknown
local NAMES = 'session routes_a routes_b past_a past_b sessions expiries unique_names announce '
  .. 'numbers number_sessions load pool_message pool_voice pool_both idle_message idle_voice idle_both '
  .. 'pins parallel peaks'
local function session_keys(first)
  local k, at = {}, first
  for name in string.gmatch(NAMES, '%S+') do
    k[name] = KEYS[at]
    at = at + 1
  end
  return k
end
local function open_session(k, id, s)
  local flat = {}
  for field, value in pairs(s) do
    table.insert(flat, field)
    table.insert(flat, value)
  end
  redis.call('HSET', k.session, unpack(flat))
  redis.call('HSET', k.routes_a, s.number_a, id .. ' a ' .. s.participant_b)
  redis.call('HSET', k.routes_b, s.number_b, id .. ' b ' .. s.participant_a)
  redis.call('ZADD', k.sessions, s.created, id)
  if s.expires ~= '0' then redis.call('ZADD', k.expiries, s.expires, id) end
  if s.unique_name ~= '' then redis.call('HSET', k.unique_names, s.unique_name, id) end
  occupy(k, s.number_a, s.created, id)
  occupy(k, s.number_b, s.created, id)
  redis.call('ZADD', k.announce, s.created, 'start ' .. id)
end
