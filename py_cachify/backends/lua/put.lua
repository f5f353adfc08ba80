-- Adds the slot `member`, which expires at the instant `expiry` ('inf': never); `taken` others are
-- there.  Included where a slot is added without making a function, which takes time.

if redis.call('ZADD', KEYS[1], 'NX', expiry, member) == 1
    and (taken == 0 or redis.call('ZREVRANK', KEYS[1], member) == 0) then
  -- include keep_key.lua
end
