-- Forget an SMS for a phone with its text, wherever it is. Preludes: _task _task_move
-- KEYS[1]  … KEYS[8] see _task
-- ARGV     1 to 4 see _task; uuid
-- Returns  1, or 0 when it is not known (any more).
local k, uuid = task_world(), ARGV[5]
local task = read_task(k, uuid)
if not task then return 0 end
-- One that waits stands in the queue until it is cancelled.
if task.state == 'waiting' then move_task(k, uuid, task, 'cancelled') end
drop_task(k, uuid, task)
return 1
