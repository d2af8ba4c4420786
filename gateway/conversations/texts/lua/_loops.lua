-- Prelude: two machines that answer each other. What both said last stands under one key, as JSON;
-- a text as "<digest> <weight> <features>", see likeness.py.
-- pauses(said key, session key, paused, side, text, now)  why a text is not passed on: "begins" (it
--           is one of many that are like earlier ones of their sides, in turns and in rhythm) or
--           "lasts" (there is a pause, and its side has just said the like); nil when it is. What
--           is new ends a pause. paused: since when there is one, false = there is none
-- Evidence is counted for each side, and for each distance: like its last text, the last but one or
-- but two, so that machines of several texts are seen as well. Both sides must have enough. A text
-- that is like none of them, or out of rhythm, takes all evidence away. A further text of the same
-- turn adds none.
local QUICK, LONGEST, REMEMBERED, DISTANCES, ENOUGH = 30000, 7200000, 86400000, 3, 70
local SAME, LIKE = 14, 10
local function likeness(text, before)
  local digest, weight, features = string.match(text, '^(%x+) (%d+) (.*)$')
  local digest_before, features_before = string.match(before, '^(%x+) %d+ (.*)$')
  if digest == digest_before then return LIKE, true end
  weight = tonumber(weight)
  if features == features_before or weight < LIKE then
    return features == features_before and weight or 0
  end
  local shared = 0
  for each in string.gmatch(features, '%x+ ') do
    if string.find(features_before, each, 1, true) then shared = shared + 1 end
  end
  local larger = math.max(#features, #features_before) / 5
  return shared >= 3 and shared >= 0.6 * larger and weight or 0
end
-- Quick, or with as long a time since the last turn as there was before that.
local function in_rhythm(said, own, now)
  if now - (said.at or 0) <= QUICK then return true, true end
  local cycle = now - (own.at or 0)
  if not own.cycle or cycle > LONGEST then return false end
  return math.abs(cycle - own.cycle) <= 5000 + own.cycle / 5
end
local function none() return {0, 0, 0} end
local function weigh(said, own, text, answers, now)
  local rhythm, quick = in_rhythm(said, own, now)
  local familiar = false
  for i = 1, DISTANCES do
    local weight, same = 0, false
    if own.texts[i] then weight, same = likeness(text, own.texts[i]) end
    familiar = familiar or weight > 0
    if same and quick and i == 1 then weight = SAME end
    if weight == 0 then own.scores[i] = 0
    elseif answers then own.scores[i] = own.scores[i] + weight end
  end
  if not familiar or answers and not rhythm then said.a.scores, said.b.scores = none(), none() end
  local enough = math.min(math.max(unpack(said.a.scores)), math.max(unpack(said.b.scores)))
  return enough >= ENOUGH, familiar
end
local function fresh() return {texts = {}, scores = none()} end
local function pauses(key, session, paused, side, text, now)
  local known = redis.call('GET', key)
  local said = known and cjson.decode(known) or {a = fresh(), b = fresh()}
  local own, answers = said[side], said.side ~= side
  local enough, familiar = weigh(said, own, text, answers, now)
  table.insert(own.texts, 1, text)
  own.texts[DISTANCES + 1] = nil
  if answers then own.cycle, own.at = own.at and now - own.at, now end
  said.side, said.at = side, now
  redis.call('SET', key, cjson.encode(said), 'PX', REMEMBERED)
  if paused then
    if familiar then return 'lasts' end
    redis.call('HDEL', session, 'paused')
  elseif enough then
    redis.call('HSET', session, 'paused', string.format('%.0f', now))
    return 'begins'
  end
end
