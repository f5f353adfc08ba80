-- Removes a ticket from the queue, unless it has a slot by now.
--
--   KEYS[3]  the tombstones
--   ARGV[1]  the token
--   ARGV[2]  the slot's life in seconds; empty: it never expires
--   ARGV[3]  the life of a tombstone in seconds; empty: it needs none
--   ARGV[4]  how many tombstones the pool keeps at most
--   returns  1 it has a slot, 0 it has left

-- include slots.lua
-- include queue.lua
-- include bury.lua

if confirm(ARGV[2]) then
  return 1
end
redis.call('ZREM', KEYS[2], ARGV[1], '!' .. ARGV[1])
if ARGV[3] ~= '' then
  bury(ARGV[3], ARGV[4])
end
grant()
return 0
