-- Prelude of scripts that change the state of a task. It needs _task before it.
-- move_task(k, uuid, task, state)  gives it a state, and notes that this is to be reported
-- take_task(k, uuid, task, phone, state, batch)  gives it to a phone; batch: the key of the call
--           that does so, by which it can be handed back
-- drop_task(k, uuid, task)  forgets it
-- doubt_results(phone)  counts a lease that nobody has answered yet: after the third in a row the
--           phone reports no results any more. Its owner has switched that off, and it sends what
--           it is offered, each time.
local UNTAKEN = {'waiting', 'expired', 'cancelled'}
local STATES = {'waiting', 'leased', 'handed', 'sent', 'delivered', 'failed', 'unconfirmed',
  'expired', 'cancelled'}
local function give_back(k, uuid, task)
  redis.call('ZREM', k.handed, taken_entry(task, uuid))
  redis.call('ZREM', k.awaiting, taken_entry(task, uuid))
  task.taken_by, task.taken, task.batch = '', 0, ''
end
local function move_task(k, uuid, task, state)
  for _, each in ipairs(UNTAKEN) do
    if each == state then give_back(k, uuid, task) end
  end
  task.state, task.changed = state, k.now
  keep_task(k, uuid, task)
  redis.call('ZADD', k.reports, k.now + k.claim, uuid .. ' ' .. state)
end
local function take_task(k, uuid, task, phone, state, batch)
  give_back(k, uuid, task)
  task.taken_by, task.taken, task.batch = phone, k.now, batch
  redis.call('ZADD', k.handed, 0, taken_entry(task, uuid))
  move_task(k, uuid, task, state)
end
local function drop_task(k, uuid, task)
  give_back(k, uuid, task)
  for _, state in ipairs(STATES) do redis.call('ZREM', k.reports, uuid .. ' ' .. state) end
  redis.call('ZREM', k.due, uuid)
  redis.call('ZREM', k.index, uuid)
  redis.call('HDEL', k.contents, uuid)
  redis.call('HDEL', k.tasks, uuid)
end
local function doubt_results(phone)
  if redis.call('HINCRBY', phone, 'unanswered', 1) < 3 then return end
  redis.call('HDEL', phone, 'results', 'unanswered')
end
