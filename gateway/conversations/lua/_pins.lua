-- Prelude of scripts that open or close a session: the PINs by which its sides call from other
-- phones. k: keys by name, see _session; s: the fields of a session, where PINs may be missing.
-- pins_refused(k, s)  pin_a or pin_b when it is taken on the same number, short_pin_a or short_pin_b
--           when it could be guessed, and how many digits it needs; else nil
-- pins_keep(k, id, s)  lets calls be known by them
-- pins_drop(k, id, s)  the contrary
local SIDES = {'a', 'b'}
local LEAST_DIGITS = 4
-- So many different PINs there are at least for each that opens something on a number.
local GUESSES = 10000
local function pins_taken(k, s)
  if s.number_a == s.number_b and s.pin_a ~= '' and s.pin_a == s.pin_b then return 'pin_b' end
  for _, side in ipairs(SIDES) do
    local pin = s['number_' .. side] .. ':' .. s['pin_' .. side]
    local found = redis.call('ZRANGEBYLEX', k.pins, '[' .. pin .. ':', '(' .. pin .. ';')
    if found[1] then return 'pin_' .. side end
  end
end
local function pins_refused(k, s)
  local taken = pins_taken(k, s)
  if taken then return taken end
  local own = {}
  for _, side in ipairs(SIDES) do
    local number = s['number_' .. side]
    own[number] = (own[number] or 0) + (s['pin_' .. side] ~= '' and 1 or 0)
  end
  for _, side in ipairs(SIDES) do
    local number, pin = s['number_' .. side], s['pin_' .. side]
    local pins = own[number] + redis.call('ZLEXCOUNT', k.pins, '[' .. number .. ':', '(' .. number .. ';')
    local digits = LEAST_DIGITS
    while 10 ^ digits < GUESSES * pins do digits = digits + 1 end
    if pin ~= '' and #pin < digits then return 'short_pin_' .. side, digits end
  end
end
local function pin_entry(id, s, side)
  return string.format('%s:%s:%s:%s', s['number_' .. side], s['pin_' .. side] or '', id, side)
end
local function pins_keep(k, id, s)
  for _, side in ipairs(SIDES) do
    if s['pin_' .. side] ~= '' then redis.call('ZADD', k.pins, 0, pin_entry(id, s, side)) end
  end
end
local function pins_drop(k, id, s)
  for _, side in ipairs(SIDES) do redis.call('ZREM', k.pins, pin_entry(id, s, side)) end
end
