-- Look which notices were left undone by a process that died. Preludes: _enqueue
-- KEYS[1]  announce
-- ARGV     how long a living process takes at most (ms)
-- Returns  the oldest hundred of them.
local before = string.format('%.0f', now_ms() - tonumber(ARGV[1]))
return redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', before, 'LIMIT', 0, 100)
