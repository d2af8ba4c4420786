-- Look at all limits of a call, and count it by each if all that are enforced let it through.
-- Preludes: _enqueue _window _looked _spare
-- KEYS[1]  list of the times (ms) of the calls that the first limit has counted, newest first;
--          then what tells whom that limit lets through though it is full; both for each further one
-- ARGV     1 = count, 0 = only look; then for each limit, with blanks between, its amount, window
--          (ms), 1 when it is enforced, and the kind of its spare, how many, for whom (see _spare)
-- Returns  {now, 1 when the call was counted, then for each limit: the ms until it lets the call
--          through (0 = it does), how many the last window holds, the ms until it holds one less};
--          of the last two -1 and 0 for all but the first, unless only looked at. A call that all
--          have counted is answered for the first limit alone.
local now, counting, refused, full, layers = now_ms(), ARGV[1] == '1', false, false, {}
for i = 1, #KEYS / 2 do
  local amount, window, enforced, kind, some, who =
    string.match(ARGV[i + 1], '^(%d+) (%d+) (%d) (%a*) (%d+) (.*)$')
  local layer = looked_at({
    key = KEYS[2 * i - 1], spare = KEYS[2 * i], amount = tonumber(amount), window = tonumber(window),
    kind = kind, some = tonumber(some), who = who, newest = false, ahead = 0, length = false, wait = 0,
  }, now, counting)
  layer.wait = spare_wait(layer, now)
  full = full or layer.wait > 0
  refused = refused or (enforced == '1' and layer.wait > 0)
  layers[i] = layer
end
local counted, words = counting and not refused, string.format('%.0f', now)
local answer = {now, counted and 1 or 0}
for i, layer in ipairs(layers) do
  -- A limit that is only watched counts what it would let through, as if it were enforced.
  if counted and layer.wait == 0 then spare_add(layer, now, words) end
  if i == 1 or full or not counting then
    local used, less = -1, 0
    if i == 1 or not counting then used, less = looked_used(layer, now) end
    for _, each in ipairs({layer.wait, used, less}) do answer[#answer + 1] = each end
  end
end
return answer
