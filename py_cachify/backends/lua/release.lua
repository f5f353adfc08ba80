-- Removes the slot of a token, and gives free slots to the first waiters.
--
--   KEYS[2]  the queue; without it, only the slot is removed
--   ARGV[1]  the token
--   returns  1 released, 0 it had already expired (or was lost)

local in_time = 0
local expiry = redis.call('ZSCORE', KEYS[1], ARGV[1])
if expiry == 'inf' then
  -- A slot that never expires has made the key persistent.  Let the key expire with the last of the
  -- other slots again, unless that slot never expires either.
  local next_latest = redis.call('ZREVRANGE', KEYS[1], 0, 1, 'WITHSCORES')[4]
  if next_latest and next_latest ~= 'inf' and not in_virtual_time then
    redis.call('PEXPIREAT', KEYS[1], math.ceil(tonumber(next_latest) * 1000))
  end
end
if expiry then
  redis.call('ZREM', KEYS[1], ARGV[1])
  in_time = (expiry == 'inf' or tonumber(expiry) > now) and 1 or 0
end
if not KEYS[2] or redis.call('EXISTS', KEYS[2]) == 0 then
  return request + in_time * DECISION
end

-- decide
-- include slots.lua
-- include queue.lua

grant()
return in_time
