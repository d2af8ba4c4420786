-- Prelude of scripts that write into the log of a session.
-- log_add(log key, logs-of keys of both participants, session id, entry (JSON))  appends an entry;
--           the oldest beyond 10,000 are dropped
local function log_add(log, logs_of_a, logs_of_b, session, entry)
  redis.call('RPUSH', log, entry)
  redis.call('LTRIM', log, -10000, -1)
  for _, logs_of in ipairs({logs_of_a, logs_of_b}) do
    redis.call('SADD', logs_of, session)
    -- The end of another session may have given it a lifetime, which would be too short now.
    redis.call('PERSIST', logs_of)
  end
end
