-- Prelude of scripts that take an MO: each is taken once.
-- once(token key, assemblies key, digest)  true for the first taker. A single MO is marked seen
--           for 48 h, one that has no id but a hash of its content for 3 min, as long as its
--           provider repeats it; the parts of a joined one (digest not '') are deleted, as their
--           one taker may.
local function once(token, assemblies, digest)
  if digest == '' then
    local lifetime = string.find(token, ':hash:', 1, true) and 180000 or 172800000
    return redis.call('SET', token, '1', 'NX', 'PX', lifetime)
  end
  redis.call('ZREM', assemblies, digest)
  return redis.call('DEL', token) == 1
end
