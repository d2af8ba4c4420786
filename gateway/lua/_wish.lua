-- Prelude of session_create: a virtual number that was asked for. Needs _suit.
-- refused(k, number, mode, sides, exclusive)  why it cannot be had: unknown, incapable, busy
--           (one of the sides uses it), taken (by any session) or cooling; nil when it can
local function refused(k, number, mode, sides, exclusive)
  local record = redis.call('HGET', k.numbers, number)
  if not record then return 'unknown' end
  local can = {}
  for _, each in ipairs(cjson.decode(record).capabilities) do can[each] = true end
  if mode ~= 'voice' and not can.sms or mode ~= 'message' and not can.voice then
    return 'incapable'
  end
  for _, side in ipairs(sides) do
    if redis.call('HEXISTS', side.routes, number) == 1 then return 'busy' end
  end
  if exclusive and redis.call('HEXISTS', k.load, number) == 1 then return 'taken' end
  return not best({number}, sides, '') and 'cooling' or nil
end
