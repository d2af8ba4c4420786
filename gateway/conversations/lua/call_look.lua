-- Look up what decides what an incoming call is.
-- KEYS[1]  call, KEYS[2] numbers, KEYS[3] pins, then the routes of each who may be the caller
-- ARGV     how many spellings of the number that is called follow, these, then who may be the caller
-- Returns  the number as the pool has it, its record (JSON, '' = not ours), 1 if it has
--          PINs; what the call was answered before, its session, the caller's side ('' = nothing);
--          then for each who may be the caller his route on the number, 1 if he is one of our own.
local number, record = ARGV[2], ''
for i = 2, 1 + ARGV[1] do
  local found = redis.call('HGET', KEYS[2], ARGV[i])
  if found then number, record = ARGV[i], found end
end
local first = redis.call('ZRANGEBYLEX', KEYS[3],
  '[' .. number .. ':', '(' .. number .. ';', 'LIMIT', 0, 1)
local before = redis.call('HMGET', KEYS[1], 'answer', 'session', 'side')
local answer = {number, record, #first, before[1] or '', before[2] or '', before[3] or ''}
for i = 4, #KEYS do
  table.insert(answer, redis.call('HGET', KEYS[i], number) or '')
  table.insert(answer, redis.call('HEXISTS', KEYS[2], ARGV[ARGV[1] + i - 2]))
end
return answer
