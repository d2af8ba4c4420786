-- Prelude of scripts that keep an MO for the operator.
-- inbox_add(inbox key, item (JSON), now, lifetime (ms))  appends it and drops what is too old
local function inbox_add(inbox, item, now, lifetime)
  local oldest = string.format('%.0f', now - lifetime)
  redis.call('XADD', inbox, 'MINID', oldest, '*', 'j', item)
  redis.call('PEXPIRE', inbox, lifetime)
end
