-- Take a text of a person outside a chat and answer it. Preludes: _enqueue _once
-- KEYS[1]  token, KEYS[2] assemblies, KEYS[3] due, KEYS[4] queue to the person
-- ARGV     digest of the parts or '', direction, entry
-- Returns  answered or repeated.
if not once(KEYS[1], KEYS[2], ARGV[1]) then return 'repeated' end
enqueue(KEYS[4], KEYS[3], ARGV[2], ARGV[3], now_ms())
return 'answered'
