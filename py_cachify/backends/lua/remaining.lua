-- Lists how long each live slot still lives; changes nothing.
--
--   returns  seconds, as texts, in no particular order ('inf': it never expires)

local remaining = {}
local found = redis.call('ZREVRANGE', KEYS[1], 0, -1, 'WITHSCORES')
for place = 2, #found, 2 do
  local left = tonumber(found[place]) - now
  if left > 0 then
    remaining[#remaining + 1] = tostring(left)
  end
end
return remaining
