-- Hand a phone its next SMS, its own and those for any phone, by priority, then as they came.
-- Preludes: _task _task_move
-- KEYS[1]  … KEYS[8] see _task; KEYS[9] phone, KEYS[10] batch
-- ARGV     1 to 4 see _task; phone, its version ('' = not told), whether it reports results (on,
--          off, auto), most SMS in an hour (0 = any number), most SMS now, lifetime of a batch (ms)
-- Returns  uuid, content, record of each; those that have expired meanwhile are among them.
local k, found, line, batch = task_world(), {}, {}, {}
local device, version, results, cap, room, lifetime = unpack(ARGV, 5, 10)
redis.call('HSET', KEYS[9], 'last_seen', k.now)
if version ~= '' then redis.call('HSET', KEYS[9], 'version', version) end
for _, name in ipairs({device, ''}) do
  -- Twice as many as it may get: some may have expired.
  for _, entry in ipairs(redis.call('ZRANGE', k.queue, '[' .. name .. ':', '(' .. name .. ';',
    'BYLEX', 'LIMIT', 0, 2 * room)) do table.insert(line, string.match(entry, ':(.*)')) end
end
-- A batch that was handed back before it was made has nobody to go to.
if #line == 0 or redis.call('EXISTS', KEYS[10]) == 1 then return {} end
table.sort(line)
local auto = results == 'auto' and redis.call('HGET', KEYS[9], 'results') == '1'
if auto then results = 'on' end
local hour_ago = '(' .. device .. ':' .. k.now - 3600000
redis.call('ZREMRANGEBYLEX', k.handed, '[' .. device .. ':', hour_ago)
room = tonumber(room)
if cap ~= '0' then
  local used = redis.call('ZLEXCOUNT', k.handed, hour_ago, '(' .. device .. ';')
  room = math.min(room, cap - used)
end
for _, entry in ipairs(line) do
  local uuid = string.match(entry, ':(.*)')
  local task = read_task(k, uuid)
  if has_expired(k, task) then
    move_task(k, uuid, task, 'expired')
  else
    if #batch >= room then break end
    task.attempts = task.attempts + 1
    local lease = results == 'on' and task.attempts <= 3
    take_task(k, uuid, task, device, lease and 'leased' or 'handed', KEYS[10])
    table.insert(batch, uuid)
  end
  append_task(k, found, uuid)
end
if #batch > 0 then redis.call('SET', KEYS[10], table.concat(batch, ' '), 'PX', lifetime) end
if auto and #batch > 0 then doubt_results(KEYS[9]) end
return found
