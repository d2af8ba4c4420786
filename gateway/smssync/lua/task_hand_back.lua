-- Take back what a call has handed out whose answer was lost, or what it will when it comes late.
-- Preludes: _task _task_move
-- KEYS[1]  … KEYS[8] see _task; KEYS[9] batch
-- ARGV     1 to 4 see _task; lifetime of a batch (ms)
-- Returns  the uuids that wait again.
local k, returned = task_world(), {}
local batch = redis.call('GET', KEYS[9]) or ''
redis.call('SET', KEYS[9], '', 'PX', ARGV[5])
for uuid in string.gmatch(batch, '%S+') do
  local task = read_task(k, uuid)
  if task and task.batch == KEYS[9] and (task.state == 'leased' or task.state == 'handed') then
    redis.call('ZREM', k.reports, uuid .. ' ' .. task.state)
    move_task(k, uuid, task, 'waiting')
    table.insert(returned, uuid)
  end
end
return returned
