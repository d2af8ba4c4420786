-- Forget a call that a limit has counted: another one refuses it.
-- KEYS[1]  list of the times (ms) of the counted calls, KEYS[2] what its spare is kept in
-- ARGV     when the call was counted (ms), kind of the spare, for whom (see _spare)
-- Returns  how many were forgotten.
if ARGV[2] == 'callers' and redis.call('ZSCORE', KEYS[2], ARGV[3]) == ARGV[1] then
  redis.call('ZREM', KEYS[2], ARGV[3])
elseif ARGV[2] == 'share' then
  redis.call('LREM', KEYS[2], 1, ARGV[1])
end
return redis.call('LREM', KEYS[1], 1, ARGV[1])
