-- Prelude of scripts that take an MO: each is taken once.
-- once(token key, assemblies key, digest)  true for the first taker. A single MO is marked seen as
--           long as its provider may repeat it: 48 h, a phone 30 days; one that has no id but a
--           hash of its content for 3 min, of a phone for 1 h. The parts of a joined one (digest
--           not '') are deleted, as their one taker may.
local function once(token, assemblies, digest)
  if digest == '' then
    local phone = string.find(token, ':seen:smssync:', 1, true)
    local lifetime = phone and 2592000000 or 172800000
    if string.find(token, ':hash:', 1, true) then lifetime = phone and 3600000 or 180000 end
    return redis.call('SET', token, '1', 'NX', 'PX', lifetime)
  end
  redis.call('ZREM', assemblies, digest)
  return redis.call('DEL', token) == 1
end
