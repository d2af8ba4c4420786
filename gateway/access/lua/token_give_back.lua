-- Let a token be used again, if it was used for this request.
-- KEYS[1]  the token
-- ARGV     digest of the request
-- Returns  1 when it was, else 0.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])
