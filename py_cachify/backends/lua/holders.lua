-- Lists the live slots.  It changes nothing.
--
--   ARGV[1]  a number, as in size.lua
--   returns  as size.lua; in a list with each member and how many seconds it still lives, a text
--            ('inf': it never expires)

local found = redis.call('ZREVRANGE', KEYS[1], 0, -1, 'WITHSCORES')
local listed = {0}
for place = 2, #found, 2 do
  local left = tonumber(found[place]) - now
  if left > 0 then
    listed[#listed + 1] = found[place - 1]
    listed[#listed + 1] = string.format('%.17g', left)
  end
end
listed[1] = -1 - ((#listed - 1) / 2 * 2^24 + ARGV[1])
return listed
