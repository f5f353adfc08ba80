-- Leaves a tombstone for a token.  Precedes release.lua, which then removes the token's slot and
-- gives the reply.
--
--   ARGV[1]  the token
--   ARGV[2]  the tombstone's life in seconds
--   ARGV[3]  how many tombstones the pool keeps at most

-- Before the `ZADD`: a server that is out of memory refuses a script whose first write adds data.
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now)
redis.call('ZADD', KEYS[2], now + ARGV[2], ARGV[1])
redis.call('ZREMRANGEBYRANK', KEYS[2], 0, -ARGV[3] - 1)
if in_virtual_time then
  -- As in acquire.lua.
  redis.call('PEXPIRE', KEYS[2], 86400000)
else
  redis.call('PEXPIREAT', KEYS[2], math.ceil((now + ARGV[2]) * 1000))
end
