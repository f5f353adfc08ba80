-- Stands before each of the other scripts.
--
-- A pool is one sorted set: a member is the token of a slot, its score the instant at which that slot
-- expires, in seconds (inf: never).  At that very instant the slot is gone.
--
--   KEYS[1]  the pool
--   ARGV[1]  the present instant in seconds; empty: the server's own clock, as in production.
--            A simulation passes its virtual time.
--
-- Leaves `now` and `keep_key_until_last_slot` to the script, and only live slots in the pool.

local now = tonumber(ARGV[1])
local in_virtual_time = now ~= nil
if not in_virtual_time then
  local time = redis.call('TIME')
  now = tonumber(time[1]) + tonumber(time[2]) / 1000000
end

redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', string.format('%.17g', now))

-- The key goes with its last slot, also when nobody asks for it again.  The server's clock knows
-- nothing of virtual time: there the key has a real day, as a run that was killed must leave nothing.
local function keep_key_until_last_slot()
  if in_virtual_time then
    redis.call('PEXPIRE', KEYS[1], '86400000')
    return
  end
  local last = redis.call('ZREVRANGE', KEYS[1], 0, 0, 'WITHSCORES')[2]
  if last == 'inf' then
    redis.call('PERSIST', KEYS[1])
  elseif last then
    redis.call('PEXPIREAT', KEYS[1], string.format('%.0f', math.ceil(tonumber(last) * 1000)))
  end
end
