-- Write down what a phone says became of its SMS. Preludes: _task _task_move
-- KEYS[1]  … KEYS[8] see _task
-- ARGV     1 to 4 see _task; phone, then of each SMS: uuid, state that this means, sent, delivered,
--          text (each '' = nothing new)
-- Returns  of each SMS that is this phone's: its uuid, and its new state (see STATES), '' when it
--          has none.
local RANKS = {leased = 1, handed = 1, sent = 2, unconfirmed = 3}
local k, recorded = task_world(), {}
for i = 6, #ARGV, 5 do
  local uuid, state, sent, delivered, text = unpack(ARGV, i, i + 4)
  local task = read_task(k, uuid)
  -- A phone that has a result has sent the SMS, even if its lease says nothing of that.
  if task and task.taken_by == ARGV[5] then
    -- The first word of each kind stays, as the first final state does.
    if task.sent == '' then task.sent = sent end
    if task.delivered == '' then task.delivered = delivered end
    if text ~= '' then task.text = text end
    local news = (RANKS[state] or 4) > (RANKS[task.state] or 4)
    if news then move_task(k, uuid, task, state) end
    if not news then redis.call('HSET', k.tasks, uuid, cjson.encode(task)) end
    table.insert(recorded, uuid)
    table.insert(recorded, news and state or '')
  end
end
return recorded
