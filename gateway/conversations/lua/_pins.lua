-- Prelude of scripts that open or close a session: the PINs by which its sides call from other
-- phones. k: keys by name, see _session; s: the fields of a session, where PINs may be missing.
-- pins_taken(k, s)  pin_a or pin_b when another session has this PIN on the same number, or the
--           other side of this one; else nil
-- pins_keep(k, id, s)  lets calls be known by them
-- pins_drop(k, id, s)  the contrary
local SIDES = {'a', 'b'}
local function pins_taken(k, s)
  if s.number_a == s.number_b and s.pin_a ~= '' and s.pin_a == s.pin_b then return 'pin_b' end
  for _, side in ipairs(SIDES) do
    local pin = s['number_' .. side] .. ':' .. s['pin_' .. side]
    local found = redis.call('ZRANGEBYLEX', k.pins, '[' .. pin .. ':', '(' .. pin .. ';')
    if found[1] then return 'pin_' .. side end
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
