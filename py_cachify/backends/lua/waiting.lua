-- Counts those who wait and have not been silent for too long.  It changes nothing.
--
--   KEYS[1]  the queue, as in queue.lua
--   ARGV[1]  a number, as in size.lua
--   returns  as size.lua

local waiting = redis.call('ZCOUNT', KEYS[1], '(0', '+inf') - redis.call('ZCOUNT', KEYS[1], -now, '(0')
return -1 - (waiting * 2^24 + ARGV[1])
