-- Prelude of scripts about who has opted out. Of one whose number was erased a keyed hash stays, in
-- a hash: digest -> since when (ms), and under "key" the secret key, made with the first of them.
-- erased_digest(erased key, number)  by what the number would be known; false when nobody was erased
-- opted_out(optouts key, erased key, number)  since when (ms) a number wants no texts, or false
-- opted_in(optouts key, erased key, numbers)  forgets the STOP of each; how many there were
local function erased_digest(erased, number)
  local secret = redis.call('HGET', erased, 'key')
  return secret and redis.sha1hex(secret .. redis.sha1hex(secret .. number))
end
local function opted_out(optouts, erased, number)
  local since = redis.call('ZSCORE', optouts, number)
  local digest = not since and erased_digest(erased, number)
  return since or digest and redis.call('HGET', erased, digest)
end
local function opted_in(optouts, erased, numbers)
  local removed = 0
  for _, number in ipairs(numbers) do
    local digest = erased_digest(erased, number)
    removed = removed + redis.call('ZREM', optouts, number)
    if digest then removed = removed + redis.call('HDEL', erased, digest) end
  end
  return removed
end
