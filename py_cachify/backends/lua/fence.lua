-- Draws the next fencing token of a pool for a token that has a slot.
--
--   KEYS[2]  the last fencing token
--   ARGV[1]  the token
--   ARGV[2]  for how many milliseconds to remember the fencing token
--   returns  1 and the fencing token, a text; 0 if there is no slot

local expiry = redis.call('ZSCORE', KEYS[1], ARGV[1])
if not expiry or (expiry ~= 'inf' and tonumber(expiry) <= now) then
  return 0
end
-- Microseconds since 1970: so it is greater than what was forgotten.
local last = tonumber(redis.call('GET', KEYS[2]) or 0)
local fence = string.format('%.0f', math.max(last + 1, math.floor(now * 1000000)))
redis.call('SET', KEYS[2], fence, 'PX', ARGV[2])
return 1, {fence}
