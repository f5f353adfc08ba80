-- Gives a token a slot, unless the pool is full or the token was undone.
--
--   ARGV[1]  the token
--   ARGV[2]  max_size
--   ARGV[3]  the slot's life in seconds; empty: it never expires
--   returns  1 granted, 0 full or undone

local taken = redis.call('ZCARD', KEYS[1])
if taken > 0 then
  taken = taken - redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
  if taken >= tonumber(ARGV[2]) then
    -- A client that lost the reply asks again; its own slot must not make this refuse it.
    return redis.call('ZSCORE', KEYS[1], ARGV[1]) and 1 or 0
  end
end

local tombstone = redis.call('ZSCORE', KEYS[2], ARGV[1])
if tombstone and tonumber(tombstone) > now then
  -- This request is late: its driver has given it up.
  return 0
end

local expiry = ARGV[3] == '' and 'inf' or now + ARGV[3]
if redis.call('ZADD', KEYS[1], 'NX', expiry, ARGV[1]) == 1
    and (taken == 0 or redis.call('ZREVRANK', KEYS[1], ARGV[1]) == 0) then
  -- It is the slot that expires last.  The key expires with it, even if nobody uses the pool again.
  if in_virtual_time then
    -- The server does not know virtual time.  A run that is stopped must lose nothing within a day,
    -- and a run that was killed must leave nothing behind.
    redis.call('PEXPIRE', KEYS[1], 86400000)
  elseif expiry == 'inf' then
    redis.call('PERSIST', KEYS[1])
  else
    redis.call('PEXPIREAT', KEYS[1], math.ceil(expiry * 1000))
  end
end
return 1
