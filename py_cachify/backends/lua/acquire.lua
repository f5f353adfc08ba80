-- Gives a token a slot, unless the pool is full, others wait, or the token was undone.
--
--   KEYS[3]  the tombstones
--   ARGV[1]  the token
--   ARGV[2]  max_size
--   ARGV[3]  the slot's life in seconds; empty: it never expires
--   returns  1 granted, 0 full or undone, 2 free slots are promised to those who wait

-- One call tells if the pool has no keys, as is usual.
local others = redis.call('EXISTS', KEYS[1], KEYS[2], KEYS[3])
local taken = others > 0 and redis.call('ZCARD', KEYS[1]) or 0
if taken > 0 then
  others = others - 1
  taken = taken - redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
  if taken >= tonumber(ARGV[2]) then
    -- A client that lost the reply asks again; its own slot must not make this refuse it.
    return request + (redis.call('ZSCORE', KEYS[1], ARGV[1]) and 1 or 0) * DECISION
  end
end

local member, expiry = ARGV[1], ARGV[3] == '' and 'inf' or now + ARGV[3]
if others == 0 then
  -- include put.lua
  return request + 1 * DECISION
end

-- decide
-- include slots.lua
-- include queue.lua

if redis.call('ZSCORE', KEYS[1], ARGV[1]) then
  return 1
end
if was_undone() then
  return 0
end
if redis.call('EXISTS', KEYS[2]) == 1 then
  if grant() then
    return 2
  end
  taken = redis.call('ZCARD', KEYS[1])
  if taken >= tonumber(ARGV[2]) then
    return 0
  end
end
put(ARGV[1], expiry, taken)
return 1
