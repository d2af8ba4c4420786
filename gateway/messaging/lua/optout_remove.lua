-- Let somebody be texted again. Prelude: _optouts
-- KEYS[1]  optouts, KEYS[2] those of erased numbers
-- ARGV     the spellings of his number
-- Returns  how many entries of his there were.
return opted_in(KEYS[1], KEYS[2], ARGV)
