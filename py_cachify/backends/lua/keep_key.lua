-- Lets the key expire with its last slot, even if the pool is never used again.  Included where a
-- slot that expires at the instant `expiry` ('inf': never) may be the last one now.

if in_virtual_time then
  -- The server does not know virtual time.  A run that is stopped must lose nothing within a day,
  -- and a run that was killed must leave nothing behind.
  redis.call('PEXPIRE', KEYS[1], 86400000)
elseif expiry == 'inf' then
  redis.call('PERSIST', KEYS[1])
else
  redis.call('PEXPIREAT', KEYS[1], math.ceil(expiry * 1000))
end
