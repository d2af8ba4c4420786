-- Prelude: two machines that answer each other.
-- loops(session key, side, digest, now)  true when this text is one of many in which both sides,
--           in turns and each within 30 s, said again what they had said before
local function loops(session, side, digest, now)
  local last_side, last_at, said_a, said_b, echoes =
    string.match(redis.call('HGET', session, 'loop') or '', '^(%a) (%d+) (%w*) (%w*) (%d+)$')
  local said = {a = said_a or '', b = said_b or ''}
  local echo = last_side ~= side and said[side] == digest and now - tonumber(last_at or 0) <= 30000
  echoes = echo and tonumber(echoes) + 1 or 0
  said[side] = digest
  redis.call('HSET', session, 'loop',
    string.format('%s %d %s %s %d', side, now, said.a, said.b, echoes))
  return echoes >= 10
end
