-- Let a phone send the SMS that it says it has. Preludes: _task _task_move
-- KEYS[1]  … KEYS[8] see _task; KEYS[9] phone, KEYS[10] batch
-- ARGV     1 to 4 see _task; phone, lifetime of a batch (ms), uuids
-- Returns  the uuids that it may send, then the same number of flags: 1 = handed over just now.
local k, granted, fresh, batch = task_world(), {}, {}, {}
local device = ARGV[5]
-- A call that was handed back before it was made has nobody to answer.
if redis.call('EXISTS', KEYS[10]) == 1 then return {} end
for i = 7, #ARGV do
  local uuid = ARGV[i]
  local task = read_task(k, uuid)
  if task and task.taken_by == device then
    local runs = k.now < task.taken + k.lease and not has_expired(k, task)
    local leased = task.state == 'leased' and runs
    if leased then
      take_task(k, uuid, task, device, 'handed', KEYS[10])
      table.insert(batch, uuid)
    end
    if leased or task.state == 'handed' then
      table.insert(granted, uuid)
      table.insert(fresh, leased and 1 or 0)
    end
  end
end
if #batch > 0 then redis.call('SET', KEYS[10], table.concat(batch, ' '), 'PX', ARGV[6]) end
-- Such a call carries no secret: it says something of the phone only when it names its SMS.
if #granted > 0 then
  redis.call('HSET', KEYS[9], 'last_seen', k.now, 'results', 1, 'unanswered', 0)
end
for _, each in ipairs(fresh) do table.insert(granted, each) end
return granted
