-- Prelude of scripts about SMS for phones (tasks).
-- task_world()  the clock, the keys by name (KEYS[1] to KEYS[8]; gateway.smssync.queue gives them in this
--           order) and times in ms: ARGV[1] lease, ARGV[2] wait for results, ARGV[3] retention,
--           ARGV[4] how long a report is left to the process that caused it
-- read_task(k, uuid)  the record, nil for an unknown uuid
-- keep_task(k, uuid, task)  writes the record down and puts it in its place in every index
-- has_expired(k, task)  true when its time to live is over
-- taken_entry(task, uuid)  how the indexes of what each phone was handed name it
-- append_task(k, list, uuid)  appends uuid, content and record to what a script returns
local NAMES = {'contents', 'tasks', 'index', 'queue', 'due', 'handed', 'awaiting', 'reports'}
local FINISHED = {delivered = 1, failed = 1, unconfirmed = 1, expired = 1, cancelled = 1}
local function task_world()
  local time, k = redis.call('TIME'), {}
  k.now = time[1] * 1000 + math.floor(time[2] / 1000)
  for i, name in ipairs(NAMES) do k[name] = KEYS[i] end
  k.lease, k.confirm, k.retention, k.claim = unpack(ARGV, 1, 4)
  return k
end
local function read_task(k, uuid)
  local record = redis.call('HGET', k.tasks, uuid)
  return record and cjson.decode(record)
end
local function has_expired(k, task) return task.expires > 0 and task.expires <= k.now end
local function taken_entry(task, uuid) return task.taken_by .. ':' .. task.taken .. ':' .. uuid end
local function next_look(k, task)
  if FINISHED[task.state] then return task.changed + k.retention end
  if task.state == 'handed' or task.state == 'sent' then return task.changed + k.confirm end
  if task.state == 'waiting' and task.send_at > k.now then return task.send_at end
  local expires = task.expires > 0 and task.expires or math.huge
  return task.state == 'leased' and math.min(task.taken + k.lease, expires) or expires
end
local function list(key, entry, listed)
  if listed then redis.call('ZADD', key, 0, entry) else redis.call('ZREM', key, entry) end
end
local function keep_task(k, uuid, task)
  local due = task.state == 'waiting' and task.send_at <= k.now
  list(k.queue, task.device .. ':' .. task.place .. ':' .. uuid, due)
  list(k.awaiting, taken_entry(task, uuid), task.state == 'handed' or task.state == 'sent')
  redis.call('ZADD', k.due, next_look(k, task), uuid)
  redis.call('HSET', k.tasks, uuid, cjson.encode(task))
end
local function append_task(k, found, uuid)
  for _, each in ipairs({uuid, redis.call('HGET', k.contents, uuid),
    redis.call('HGET', k.tasks, uuid)}) do table.insert(found, each) end
end
