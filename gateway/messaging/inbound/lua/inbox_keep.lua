-- Take an MO that is only kept. Preludes: _enqueue _once _inbox
-- KEYS[1]  token, KEYS[2] assemblies, KEYS[3] inbox
-- ARGV     digest of the parts or '', inbox item, its lifetime (ms)
-- Returns  kept or repeated.
if not once(KEYS[1], KEYS[2], ARGV[1]) then return 'repeated' end
inbox_add(KEYS[3], ARGV[2], now_ms(), ARGV[3])
return 'kept'
