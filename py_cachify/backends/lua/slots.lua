-- Included where a script may add a slot, or prolong its life.

-- Lets the key expire with its last slot, even if the pool is never used again; call this if a slot
-- that expires at an instant ('inf': never) may be the last one now.
local function keep_key(expiry)
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

-- Adds a slot that expires at an instant ('inf': never); `taken` others are there.
local function put(member, expiry, taken)
  if redis.call('ZADD', KEYS[1], 'NX', expiry, member) == 1
      and (taken == 0 or redis.call('ZREVRANK', KEYS[1], member) == 0) then
    keep_key(expiry)
  end
end
