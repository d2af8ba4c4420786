-- Keep what could not be used, and only so many of these. Preludes: _enqueue _once _inbox
-- KEYS[1]  token, KEYS[2] assemblies, KEYS[3] inbox, KEYS[4] the ids of these items in it
-- ARGV     inbox item, its lifetime (ms), most of them
-- Returns  kept or repeated.
if not once(KEYS[1], KEYS[2], '') then return 'repeated' end
local id = inbox_add(KEYS[3], ARGV[1], now_ms(), ARGV[2])
for _ = redis.call('LPUSH', KEYS[4], id), ARGV[3] + 1, -1 do
  redis.call('XDEL', KEYS[3], redis.call('RPOP', KEYS[4]))
end
redis.call('PEXPIRE', KEYS[4], ARGV[2])
return 'kept'
