-- Do what time brings about, and claim the reports that nobody has made. Preludes: _task _task_move
-- KEYS[1]  … KEYS[8] see _task
-- ARGV     1 to 4 see _task; most tasks, most reports
-- Returns  the reports to make, "<uuid> <state>" each; see STATES.
local k, reports = task_world(), {}
local unreported = redis.call('ZRANGE', k.reports, '-inf', k.now, 'BYSCORE', 'LIMIT', 0, ARGV[6])
for _, each in ipairs(unreported) do
  redis.call('ZADD', k.reports, k.now + k.claim, each)
  table.insert(reports, each)
end
local function move(uuid, task, state)
  move_task(k, uuid, task, state)
  table.insert(reports, uuid .. ' ' .. state)
end
for _, uuid in ipairs(redis.call('ZRANGE', k.due, '-inf', k.now, 'BYSCORE', 'LIMIT', 0, ARGV[5])) do
  local task = read_task(k, uuid)
  if task.state == 'handed' or task.state == 'sent' then
    move(uuid, task, 'unconfirmed')
  elseif task.state ~= 'leased' and task.state ~= 'waiting' then
    drop_task(k, uuid, task)
  elseif has_expired(k, task) then
    move(uuid, task, 'expired')
  elseif task.state == 'leased' then
    move(uuid, task, 'waiting')
  else
    keep_task(k, uuid, task)
  end
end
return reports
