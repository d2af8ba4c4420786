-- Look at a sign-in and keep it alive.
-- KEYS[1]  sign-in
-- ARGV     digest of the admin token, seconds that it lives without use, seconds that it lives
-- Returns  nothing when there is none (any more) or the admin token is another, else {what is shown
--          at this moment …}; what is so no longer is dropped.
local now, flat, shown = tonumber(redis.call('TIME')[1]), redis.call('HGETALL', KEYS[1]), {}
local found = {}
for i = 1, #flat, 2 do found[flat[i]] = flat[i + 1] end
local left = tonumber(found.begun or '0') + tonumber(ARGV[3]) - now
if found.gate ~= ARGV[1] or left <= 0 then return false end
for name, until_second in pairs(found) do
  local thing = string.match(name, '^shown:(.*)')
  if thing and tonumber(until_second) > now then
    table.insert(shown, thing)
  elseif thing then
    redis.call('HDEL', KEYS[1], name)
  end
end
redis.call('EXPIRE', KEYS[1], math.min(left, tonumber(ARGV[2])))
return shown
