-- Lists the tickets of those who wait and have not been silent for too long, the first in the queue
-- first.  It changes nothing.
--
--   KEYS[1]  the queue, as in queue.lua
--   ARGV[1]  a number, as in size.lua
--   returns  as size.lua; in a list with each ticket

local silent = {}
for _, mark in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], -now, '(0')) do
  silent[string.sub(mark, 2)] = true
end
local listed = {0}
for _, ticket in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '(0', '+inf')) do
  if not silent[ticket] then
    listed[#listed + 1] = ticket
  end
end
listed[1] = -1 - ((#listed - 1) * 2^24 + ARGV[1])
return listed
