-- Cancel an SMS that no phone may send yet. Preludes: _task _task_move
-- KEYS[1]  … KEYS[8] see _task
-- ARGV     1 to 4 see _task; uuid
-- Returns  1 when this call has cancelled it, else 0; then uuid, content, record as they are now.
--          Nothing at all when the uuid is unknown.
local k, uuid = task_world(), ARGV[5]
local task = read_task(k, uuid)
if not task then return {} end
local waits = task.state == 'waiting' or task.state == 'leased'
if waits then move_task(k, uuid, task, 'cancelled') end
local found = {waits and 1 or 0}
append_task(k, found, uuid)
return found
