-- Tell whether somebody has opted out. Prelude: _optouts
-- KEYS[1]  optouts, KEYS[2] those of erased numbers
-- ARGV     the spellings of his number
-- Returns  1 when nothing may be sent to him, else 0.
for _, number in ipairs(ARGV) do
  if opted_out(KEYS[1], KEYS[2], number) then return 1 end
end
return 0
