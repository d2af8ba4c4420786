-- Prelude of scripts that follow calls. Who is in a call stands in one hash: person -> "<call>
-- <other person> <until when (ms) this is believed>"; legs are "<rank> <status>".
-- mark(in_call key, person)  the call that a person is in, the other person, until when; or nil
-- engaged(in_call key, person, caller, now)  true when a person is in a call with somebody else
--           than the caller, who has not begun another one since
-- believe(call key, in_call key, id, till)  both persons stay in their call until then
-- hang_up(call key, in_call key, id)  both are free, and the call forgets their numbers
-- leg(call key, field)  rank and status of the caller's leg ("in") or the other one ("out")
local OPEN = {calling = true, answered = true}
local function mark(in_call, person)
  return string.match(redis.call('HGET', in_call, person) or '', '^(%S+) (%S+) (%d+)$')
end
local function engaged(in_call, person, caller, now)
  local id, other, till = mark(in_call, person)
  if not id or other == caller or tonumber(till) <= now then return false end
  local others = mark(in_call, other)
  return others == id
end
local function people(call)
  return string.match(redis.call('HGET', call, 'people') or '', '^(%S+) (%S+)$')
end
local function believe(call, in_call, id, till)
  local one, two = people(call)
  for person, other in pairs(one and {[one] = two, [two] = one} or {}) do
    local current = mark(in_call, person)
    if current == id then
      redis.call('HSET', in_call, person, string.format('%s %s %.0f', id, other, till))
    end
  end
end
local function hang_up(call, in_call, id)
  for _, person in ipairs({people(call)}) do
    local current = mark(in_call, person)
    if current == id then redis.call('HDEL', in_call, person) end
  end
  redis.call('HDEL', call, 'people')
end
local function leg(call, field)
  local rank, status = string.match(redis.call('HGET', call, field) or '', '^(%d) (%S+)$')
  return tonumber(rank or '0'), status
end
