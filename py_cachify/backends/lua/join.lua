-- Gives a token a slot as acquire.lua does, or queues it.
--
--   KEYS[3]  the tombstones
--   ARGV[1]  the token
--   ARGV[2]  max_size
--   ARGV[3]  the slot's life in seconds; empty: it never expires
--   ARGV[4]  how many may wait; empty: any number
--   returns  1 granted, 0 undone, 3 queued, 4 so many are waiting already

-- include slots.lua
-- include queue.lua

if confirm(ARGV[3]) then
  return 1
end
if was_undone() then
  return 0
end
if redis.call('ZSCORE', KEYS[2], ARGV[1]) then
  -- The request was repeated.
  enqueue()
  grant()
  if redis.call('ZSCORE', KEYS[1], ARGV[1]) then
    return 1
  end
  return 3, standing()
end
if redis.call('EXISTS', KEYS[2]) == 0 or not grant() then
  local taken = redis.call('ZCARD', KEYS[1])
  if taken < tonumber(ARGV[2]) then
    put(ARGV[1], ARGV[3] == '' and 'inf' or now + ARGV[3], taken)
    return 1
  end
end
if ARGV[4] ~= '' and redis.call('ZCOUNT', KEYS[2], '(0', '+inf') >= tonumber(ARGV[4]) then
  return 4
end
-- Above 0, and above all others, even if the clock does not move or was set back.
local last = redis.call('ZREVRANGE', KEYS[2], 0, 0, 'WITHSCORES')[2]
enqueue(math.max(now, (tonumber(last) or 0) + 0.000001, 0.000001))
return 3, standing()
