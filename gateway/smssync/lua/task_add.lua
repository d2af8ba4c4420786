-- Take an SMS into the queue, once. Preludes: _task
-- KEYS[1]  … KEYS[8] see _task
-- ARGV     1 to 4 see _task; uuid, content (JSON), phone ('' = any), rank (four digits, the lowest
--          is handed out first), time to live (ms, 0 = none), not to be sent before (ms, 0 = now)
-- Returns  1, or 0 when the uuid was known.
local k = task_world()
local uuid, content, device, rank = unpack(ARGV, 5, 8)
local ttl, send_at = tonumber(ARGV[9]), tonumber(ARGV[10])
if redis.call('HEXISTS', k.tasks, uuid) == 1 then return 0 end
-- Behind all that are still known, whichever of them have been forgotten.
local last = redis.call('ZRANGE', k.index, -1, -1, 'WITHSCORES')[2] or '0'
redis.call('ZADD', k.index, last + 1, uuid)
redis.call('HSET', k.contents, uuid, content)
keep_task(k, uuid, {
  state = 'waiting', device = device, place = string.format('%s%015d', rank, last + 1),
  created = k.now, changed = k.now, send_at = send_at,
  expires = ttl > 0 and math.max(k.now, send_at) + ttl or 0,
  taken_by = '', taken = 0, batch = '', attempts = 0, sent = '', delivered = '', text = '',
})
return 1
