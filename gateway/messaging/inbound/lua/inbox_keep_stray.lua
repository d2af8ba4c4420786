-- Keep an MO to a number that is not ours, in one step. Preludes: _enqueue _once _inbox
-- KEYS[1]  token, KEYS[2] assemblies, KEYS[3] inbox, KEYS[4] numbers
-- ARGV     digest of the parts or '', inbox item, its lifetime (ms), provider of the number if it
--          is ours, all spellings of the number
-- Returns  kept or repeated; '' when the number is ours (and nothing was done).
for i = 5, #ARGV do
  local number = redis.call('HGET', KEYS[4], ARGV[i])
  if number and cjson.decode(number).provider == ARGV[4] then return '' end
end
if not once(KEYS[1], KEYS[2], ARGV[1]) then return 'repeated' end
inbox_add(KEYS[3], ARGV[2], now_ms(), ARGV[3])
return 'kept'
