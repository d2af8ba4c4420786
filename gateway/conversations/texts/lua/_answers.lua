-- Prelude: how many who take part in nothing are answered. Prelude before it: _window
-- may_answer(answered key, most, now)  whether a virtual number may answer one more within an hour
--           (most: 0 = any number), and counts him
local function may_answer(answered, most, now)
  return tonumber(most) == 0 or window_count(answered, tonumber(most), 3600000, now) == 0
end
