-- Apply one delivery receipt to its message. The state of a part only moves forward: a higher
-- rank replaces a lower one, the first of the highest rank stays. Every event is kept.
-- KEYS[1]  message hash, KEYS[2] its events
-- ARGV     part id, rank, state, event token, event (JSON), most events kept
-- Returns  {unknown (no such message) or foreign (not a part of it)}; or {repeated, kept or changed,
--          the session that the message belongs to or '', what the part was before or ''}, and then
--          field and value of what the state is the sum of: expected, parts, outcome, each part;
--          and of the message's source and receiver.
local field, parts = 'p:' .. ARGV[1], {}
local names = redis.call('HKEYS', KEYS[1])
if #names == 0 then return {'unknown'} end
for _, each in ipairs(names) do
  if string.sub(each, 1, 2) == 'p:' then table.insert(parts, each) end
end
local current = redis.call('HGET', KEYS[1], field)
-- Any id is taken for a part until as many are known as the provider has counted.
local most = tonumber(redis.call('HGET', KEYS[1], 'parts') or '1000')
if not current and #parts >= most then return {'foreign'} end
local function answer(word)
  local wanted = {'session', 'expected', 'parts', 'outcome', 'source', 'to', unpack(parts)}
  local found = redis.call('HMGET', KEYS[1], unpack(wanted))
  local said = {word, found[1] or '', current or ''}
  for i = 2, #wanted do
    if found[i] then
      table.insert(said, wanted[i])
      table.insert(said, found[i])
    end
  end
  return said
end
if redis.call('HLEN', KEYS[2]) < tonumber(ARGV[6]) then
  if redis.call('HSETNX', KEYS[2], ARGV[4], ARGV[5]) == 0 then return answer('repeated') end
  redis.call('PEXPIRE', KEYS[2], math.max(redis.call('PTTL', KEYS[1]), 1))
elseif redis.call('HEXISTS', KEYS[2], ARGV[4]) == 1 then
  return answer('repeated')
end
if current and tonumber(string.sub(current, 1, 1)) >= tonumber(ARGV[2]) then return answer('kept') end
redis.call('HSET', KEYS[1], field, ARGV[2] .. ' ' .. ARGV[3])
if not current then table.insert(parts, field) end
return answer('changed')
