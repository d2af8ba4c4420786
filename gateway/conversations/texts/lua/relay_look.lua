-- Look up what decides what an MO is. Preludes: _enqueue
-- KEYS[1]  numbers, then the routes of each who may have sent it, then the past of each
-- ARGV     how many spellings of the virtual number follow, these, then who may have sent it
-- Returns  the number as the pool has it, its record (JSON, '' = not ours), the time (ms),
--          then for each of them his route on the number, 1 if he is one of our own numbers,
--          then for each what is known of his last session on the number ('' = nothing).
local number, record, people = ARGV[2], '', (#KEYS - 1) / 2
for i = 2, 1 + ARGV[1] do
  local found = redis.call('HGET', KEYS[1], ARGV[i])
  if found then number, record = ARGV[i], found end
end
local answer = {number, record, now_ms()}
for i = 2, 1 + people do
  table.insert(answer, redis.call('HGET', KEYS[i], number) or '')
  table.insert(answer, redis.call('HEXISTS', KEYS[1], ARGV[ARGV[1] + i]))
end
for i = 2 + people, #KEYS do
  table.insert(answer, redis.call('HGET', KEYS[i], number) or '')
end
return answer
