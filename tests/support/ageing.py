"""Time that has passed, as far as limits know: what they have counted is made older.

The clock is the machine's; moving what is stored comes to the same.
"""

from __future__ import annotations

from gateway.store.pipeline import Store

# Kinds of keys, by how their names begin: lists of times (ms), sorted sets scored by them, and
# what only says by its end that something was done lately.
KINDS = (
    *("limit:", "share:", "callers:", "same-text:"),
    *("{relay}:passed:", "{relay}:answered:", "{relay}:told:", "{relay}:helped:"),
)
AT_ONCE = 500  # keys of one script, so that it takes no second

_MAKE_OLDER = """
local older = tonumber(ARGV[1])
local function earlier(time) return string.format('%.0f', time - older) end
for _, key in ipairs(KEYS) do
  local left, kind = redis.call('PTTL', key), redis.call('TYPE', key).ok
  if left >= 0 and left <= older then
    redis.call('DEL', key)
  elseif kind == 'list' then
    local times = redis.call('LRANGE', key, 0, -1)
    redis.call('DEL', key)
    for _, time in ipairs(times) do redis.call('RPUSH', key, earlier(time)) end
  elseif kind == 'zset' then
    local scored = redis.call('ZRANGE', key, 0, -1, 'WITHSCORES')
    for n = 1, #scored, 2 do redis.call('ZADD', key, earlier(scored[n + 1]), scored[n]) end
  end
  if left > older then redis.call('PEXPIRE', key, left - older) end
end
"""


async def pass_time(store: Store, seconds: float) -> None:
    """Make all that limits have counted so much older, and let go what lasts no longer."""
    found = {name async for some in store.names() for name in some if name.startswith(KINDS)}
    names, at_once = sorted(found), 1 if store.is_cluster else AT_ONCE
    for first in range(0, len(names), at_once):
        keys = names[first : first + at_once]
        await store.execute("EVAL", _MAKE_OLDER, len(keys), *keys, round(seconds * 1000))
