-- Keep a phone's SMS if its number is not ours, in one step. Preludes: _enqueue _once _inbox
-- KEYS[1]  token, KEYS[2] assemblies, KEYS[3] inbox, KEYS[4] numbers, KEYS[5] imported
-- ARGV     digest of the parts or '', inbox item, its lifetime (ms), number, its provider if it
--          is ours, 1 if it is ours in any case, the SMS's id and how long its words and time are
--          known (ms, 0 = not at all)
-- Returns  kept or repeated, also when another id had its words and its time; '' when the number
--          is ours (and no more was done than to know the SMS by its words and time).
if ARGV[8] ~= '0' and not redis.call('SET', KEYS[5], ARGV[7], 'NX', 'PX', ARGV[8]) then
  if redis.call('GET', KEYS[5]) ~= ARGV[7] then return 'repeated' end
end
local number = redis.call('HGET', KEYS[4], ARGV[4])
if ARGV[6] == '1' or number and cjson.decode(number).provider == ARGV[5] then return '' end
if not once(KEYS[1], KEYS[2], ARGV[1]) then return 'repeated' end
inbox_add(KEYS[3], ARGV[2], now_ms(), ARGV[3])
return 'kept'
