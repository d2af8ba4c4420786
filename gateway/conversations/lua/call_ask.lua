-- Note that a caller is asked for a PIN.
-- KEYS[1]  call
-- ARGV     number that is called, caller, his leg, how long this is kept (ms)
-- Returns  what the call is answered: pin, unless something was decided meanwhile.
if redis.call('HSETNX', KEYS[1], 'answer', 'pin') == 1 then
  redis.call('HSET', KEYS[1], 'number', ARGV[1], 'caller', ARGV[2], 'leg', ARGV[3])
  redis.call('PEXPIRE', KEYS[1], ARGV[4])
end
return redis.call('HGET', KEYS[1], 'answer')
