-- Take a START if it undoes a STOP; otherwise it is a text like any other. Prelude: _once
-- KEYS[1]  token, KEYS[2] assemblies, KEYS[3] optouts
-- ARGV     digest of the parts or '', then the spellings of the number
-- Returns  started, repeated, or '' when there was nothing to undo (and nothing was done).
local out = false
for i = 2, #ARGV do out = out or redis.call('ZSCORE', KEYS[3], ARGV[i]) end
if not out then return '' end
if not once(KEYS[1], KEYS[2], ARGV[1]) then return 'repeated' end
redis.call('ZREM', KEYS[3], unpack(ARGV, 2))
return 'started'
