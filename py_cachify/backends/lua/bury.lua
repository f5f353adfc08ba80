-- Included in leave.lua and undo.lua.

-- Leaves a tombstone for the token of the request; `life` is in seconds.
local function bury(life, most)
  -- Before the `ZADD`: a server that is out of memory refuses a script whose first write adds data.
  redis.call('ZREMRANGEBYSCORE', KEYS[3], '-inf', now)
  redis.call('ZADD', KEYS[3], now + life, ARGV[1])
  redis.call('ZREMRANGEBYRANK', KEYS[3], 0, -most - 1)
  if in_virtual_time then
    -- As in queue.lua.
    redis.call('PEXPIRE', KEYS[3], 86400000)
  else
    redis.call('PEXPIREAT', KEYS[3], math.ceil((now + life) * 1000))
  end
end
