-- Take a START if it undoes a STOP; otherwise it is a text like any other. Preludes: _once _optouts
-- KEYS[1]  token, KEYS[2] assemblies, KEYS[3] optouts, KEYS[4] those of erased numbers
-- ARGV     digest of the parts or '', then the spellings of the number
-- Returns  started, repeated, or '' when there was nothing to undo (and nothing was done).
local out = false
for i = 2, #ARGV do out = out or opted_out(KEYS[3], KEYS[4], ARGV[i]) end
if not out then return '' end
if not once(KEYS[1], KEYS[2], ARGV[1]) then return 'repeated' end
opted_in(KEYS[3], KEYS[4], {unpack(ARGV, 2)})
return 'started'
