-- Prelude of session_create: the numbers of a new session. Needs _suit and _pick.
-- own_side(k, a, other_a, b, other_b)  which participant is one of our numbers, by any spelling:
--           own_a, own_b or nil
-- refused(k, number, mode, sides, exclusive)  why a number that was asked for cannot be had:
--           unknown, incapable, busy (one of the sides uses it), taken (by any session) or
--           cooling; nil when it can
-- pick_both(a, b, pools, idle, wish)  the numbers of both sides: one if pools.shared is given,
--           else two from pools.a and pools.b; wish: that of a if it is fixed, else false
local function own_side(k, a, other_a, b, other_b)
  local own = redis.call('HMGET', k.numbers, a, other_a, b, other_b)
  return (own[1] or own[2]) and 'own_a' or (own[3] or own[4]) and 'own_b' or nil
end
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
local function pick_both(a, b, pools, idle, wish)
  if pools.shared then
    local number = wish or pick({a, b}, pools.shared, idle, '')
    return number, number
  end
  local number_a = wish or pick({a}, pools.a, idle, '')
  local number_b = number_a and pick({b}, pools.b, idle, number_a)
  if number_a and not number_b and not wish then
    -- At most the number taken for a suits b: then it is his, if another one suits a.
    number_a = pick({a}, pools.a, idle, number_a)
    number_b = number_a and pick({b}, pools.b, idle, number_a)
  end
  return number_a, number_b
end
