-- Turns the claim of a token into a slot, or keeps its ticket in the queue.
--
--   KEYS[3]  the tombstones
--   ARGV[1]  the token
--   ARGV[2]  max_size
--   ARGV[3]  the slot's life in seconds; empty: it never expires
--   ARGV[4]  its place, if the queue does not know it: the store lost it, or it was silent for long
--   returns  1 granted, 0 undone, 3 still queued

-- include slots.lua
-- include queue.lua

if confirm(ARGV[3]) then
  return 1
end
if was_undone() then
  return 0
end
local known = redis.call('ZSCORE', KEYS[2], ARGV[1])
enqueue(not known and ARGV[4])
grant(not known and ARGV[1])
if redis.call('ZSCORE', KEYS[1], ARGV[1]) then
  return 1
end
return 3, standing()
