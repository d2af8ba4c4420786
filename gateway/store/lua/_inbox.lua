-- Prelude of scripts that keep an MO for the operator.
-- inbox_add(inbox key, item (JSON), now, lifetime (ms))  appends it, drops what is too old and
--           returns its id
local function inbox_add(inbox, item, now, lifetime)
  local oldest = string.format('%.0f', now - lifetime)
  local id = redis.call('XADD', inbox, 'MINID', oldest, '*', 'j', item)
  redis.call('PEXPIRE', inbox, lifetime)
  return id
end
