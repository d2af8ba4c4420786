-- Prelude of scripts that write into the log of a session, or end one.
-- log_add(log key, logs-of keys of both participants, session id, entry (JSON))  appends an entry;
--           beyond 10,000 its first 1,000 and the newest stay, what lies between is dropped
-- log_ends(logs-of key, session id, now, kept (ms))  lets a participant's index forget a log when
--           the log itself is gone
local function log_add(log, logs_of_a, logs_of_b, session, entry)
  if redis.call('RPUSH', log, entry) > 10000 then
    redis.call('LSET', log, 1000, '')
    redis.call('LREM', log, 1, '')
  end
  for _, logs_of in ipairs({logs_of_a, logs_of_b}) do
    redis.call('ZADD', logs_of, '+inf', session)
    -- The end of another session may have given it a lifetime, which would be too short now.
    redis.call('PERSIST', logs_of)
  end
end
local function log_ends(logs_of, session, now, kept)
  redis.call('ZADD', logs_of, 'XX', string.format('%.0f', now + kept), session)
  redis.call('ZREMRANGEBYSCORE', logs_of, '-inf', string.format('%.0f', now))
  if redis.call('ZCOUNT', logs_of, '+inf', '+inf') == 0 then redis.call('PEXPIRE', logs_of, kept) end
end
