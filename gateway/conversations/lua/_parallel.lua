-- Prelude of scripts that open or close a session: how many open sessions participants have at
-- once, by country. k: keys by name, see _session; routes: key of a participant's routes, which
-- are as many as his open sessions; country: his, '' = unknown; now: ms.
-- parallel_more(k, routes, country, now)  counts one who has just got another session
-- parallel_less(k, routes, country, now)  counts one who has just lost a session; country: that
--           under which it was counted, since numbers move between countries; nil = not counted
-- Only when nobody was, or nobody is left, at a level the day's peak may be another one: for all
-- other days between, the level had somebody.
local DAY = 86400000
local function level_add(k, country, sessions, change)
  if sessions == 0 then return 0 end
  local level = country .. ':' .. sessions
  local people = redis.call('HINCRBY', k.parallel, level, change)
  -- Below 0: a session that a release without these counts has opened.
  if people <= 0 then redis.call('HDEL', k.parallel, level) end
  return people
end
local function peak_note(k, country, sessions, now)
  local day = country .. ':' .. math.floor(now / DAY)
  if sessions > tonumber(redis.call('HGET', k.peaks, day) or '0') then
    redis.call('HSET', k.peaks, day, sessions)
  end
end
local function parallel_more(k, routes, country, now)
  local has = redis.call('HLEN', routes)
  if level_add(k, country, has, 1) == 1 then peak_note(k, country, has, now) end
  level_add(k, country, has - 1, -1)
end
local function parallel_less(k, routes, country, now)
  if not country then return end
  local has = redis.call('HLEN', routes)
  if level_add(k, country, has + 1, -1) <= 0 then peak_note(k, country, has + 1, now) end
  level_add(k, country, has, 1)
end
