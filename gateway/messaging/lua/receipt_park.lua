-- Find the message that a provider's id belongs to, or park the receipt until it is known.
-- KEYS[1]  part (our message id), KEYS[2] list of parked receipts of the same provider id
-- ARGV     receipt (JSON), lifetime of parked receipts (ms), most receipts parked
-- Returns  our message id, or '' when the receipt was parked.
local message = redis.call('GET', KEYS[1])
if message then return message end
if redis.call('LPOS', KEYS[2], ARGV[1]) == false then
  redis.call('RPUSH', KEYS[2], ARGV[1])
  redis.call('LTRIM', KEYS[2], -tonumber(ARGV[3]), -1)
end
redis.call('PEXPIRE', KEYS[2], ARGV[2])
return ''
