-- Queue the held texts of one side whose time has come. Prelude: _enqueue
-- KEYS[1]  held of all, KEYS[2] held of this side, KEYS[3] due, KEYS[4] queue, KEYS[5] routes of the
--          receiver, KEYS[6] dead letters, KEYS[7] their times, KEYS[8] states of the log
-- ARGV     member, session id, number, direction, why one becomes a dead letter, most
-- Returns  how many were queued, and how many became dead letters since their session has ended and
--          the number stands for somebody else by now.
local now, queued, dead = now_ms(), 0, 0
local route = redis.call('HGET', KEYS[5], ARGV[3])
local elsewhere = route and string.match(route, '^%S+') ~= ARGV[2]
for _ = 1, tonumber(ARGV[6]) do
  local at, id, entry =
    string.match(redis.call('LINDEX', KEYS[2], 0) or '', '^(%d+) (%S+) (.*)$')
  if not at or tonumber(at) > now then break end
  redis.call('LPOP', KEYS[2])
  if elsewhere then
    local letter = cjson.decode(entry).id
    local why = string.format(',"reason":%s,"at":%.0f}', cjson.encode(ARGV[5]), now)
    redis.call('HSET', KEYS[6], letter, string.sub(entry, 1, -2) .. why)
    redis.call('ZADD', KEYS[7], now, letter)
    dead = dead + 1
  else
    enqueue(KEYS[4], KEYS[3], ARGV[4], entry, now)
    queued = queued + 1
  end
  if redis.call('HGET', KEYS[8], id) == 'held' then
    redis.call('HSET', KEYS[8], id, elsewhere and 'failed' or 'queued')
  end
end
local following = redis.call('LINDEX', KEYS[2], 0)
if following then redis.call('ZADD', KEYS[1], string.match(following, '^%d+'), ARGV[1])
else redis.call('ZREM', KEYS[1], ARGV[1]) end
return {queued, dead}
