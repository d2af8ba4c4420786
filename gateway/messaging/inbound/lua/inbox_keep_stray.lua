-- Keep a phone's SMS if its number is not ours, in one step. Preludes: _enqueue _once _inbox
-- KEYS[1]  token, KEYS[2] assemblies, KEYS[3] inbox, KEYS[4] numbers, KEYS[5] imported
-- ARGV     digest of the parts or '', inbox item, its lifetime (ms), provider of the number if it
--          is ours, 1 if it is ours in any case, the SMS's id and how long its words and time are
--          known (ms, 0 = not at all), all spellings of the number
-- Returns  kept or repeated, also when another id had its words and its time; '' when the number
--          is ours (and no more was done than to know the SMS by its words and time).
if ARGV[7] ~= '0' and not redis.call('SET', KEYS[5], ARGV[6], 'NX', 'PX', ARGV[7]) then
  if redis.call('GET', KEYS[5]) ~= ARGV[6] then return 'repeated' end
end
if ARGV[5] == '1' then return '' end
for i = 8, #ARGV do
  local number = redis.call('HGET', KEYS[4], ARGV[i])
  if number and cjson.decode(number).provider == ARGV[4] then return '' end
end
if not once(KEYS[1], KEYS[2], ARGV[1]) then return 'repeated' end
inbox_add(KEYS[3], ARGV[2], now_ms(), ARGV[3])
return 'kept'
