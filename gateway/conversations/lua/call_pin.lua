-- Judge what a caller has keyed in for a PIN. Preludes: _enqueue _window
-- KEYS[1]  call, KEYS[2] pins, KEYS[3] wrong tries of the caller
-- ARGV     number that is called, digits ('' = nothing that can be a PIN), when they were keyed in
--          ('' = not told); most tries in a call, most wrong ones of a caller, and in how long a
--          time (ms) these are counted
-- Returns  {right, session id, side}, {pin} (ask again) or {what the call was answered before},
--          which is refused after too many tries and '' for a call that was not asked.
local call = redis.call('HMGET', KEYS[1], 'answer', 'tries', 'tried')
if call[1] ~= 'pin' then return {call[1] or ''} end
if ARGV[3] ~= '' and ARGV[3] == call[3] then return {'pin'} end -- this try was counted
local now, most, window = now_ms(), tonumber(ARGV[5]), tonumber(ARGV[6])
local tries = tonumber(call[2] or '0') + 1
window_follow(KEYS[3], window, now)
if window_wait(KEYS[3], most, window, now) > 0 then
  tries = tonumber(ARGV[4])
elseif ARGV[2] ~= '' then
  local pin = ARGV[1] .. ':' .. ARGV[2]
  local found = redis.call('ZRANGEBYLEX', KEYS[2], '[' .. pin .. ':', '(' .. pin .. ';')
  if found[1] then return {'right', string.match(found[1], '(%w+):(%w)$')} end
  window_count(KEYS[3], most, window, now)
end
local answer = tries < tonumber(ARGV[4]) and 'pin' or 'refused'
redis.call('HSET', KEYS[1], 'answer', answer, 'tries', tries, 'tried', ARGV[3])
return {answer}
