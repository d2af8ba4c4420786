-- Keep an MO to a number that is not ours, in one step. Preludes: _enqueue _once _inbox
-- KEYS[1]  token, KEYS[2] assemblies, KEYS[3] inbox, KEYS[4] numbers
-- ARGV     digest of the parts or '', inbox item, its lifetime (ms), number, its provider if it
--          is ours
-- Returns  kept or repeated; '' when the number is ours (and nothing was done).
local number = redis.call('HGET', KEYS[4], ARGV[4])
if number and cjson.decode(number).provider == ARGV[5] then return '' end
if not once(KEYS[1], KEYS[2], ARGV[1]) then return 'repeated' end
inbox_add(KEYS[3], ARGV[2], now_ms(), ARGV[3])
return 'kept'
