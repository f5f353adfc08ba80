-- Removes the slot of a token.
--
--   ARGV[1]  the token
--   returns  1 released, 0 it had already expired (or was lost)

local expiry = redis.call('ZSCORE', KEYS[1], ARGV[1])
if not expiry then
  return 0
end
if expiry ~= 'inf' then
  redis.call('ZREM', KEYS[1], ARGV[1])
  return tonumber(expiry) > now and 1 or 0
end

-- A slot that never expires has made the key persistent.  Let the key expire with the last of the
-- other slots again, unless that slot never expires either.
local next_latest = redis.call('ZREVRANGE', KEYS[1], 0, 1, 'WITHSCORES')[4]
if next_latest and next_latest ~= 'inf' and not in_virtual_time then
  redis.call('PEXPIREAT', KEYS[1], math.ceil(tonumber(next_latest) * 1000))
end
redis.call('ZREM', KEYS[1], ARGV[1])
return 1
