-- Gives a token a slot, unless the pool is full.
--
--   ARGV[2]  the token
--   ARGV[3]  max_size
--   ARGV[4]  the slot's life in seconds; empty: for ever
--   returns  1 granted, 0 full

-- Its own slot is looked for before counting: a driver that lost the reply asks again.
if redis.call('ZSCORE', KEYS[1], ARGV[2]) then
  return 1
end
if redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[3]) then
  return 0
end

local expiry = 'inf'
if ARGV[4] ~= '' then
  expiry = string.format('%.17g', now + tonumber(ARGV[4]))
end
redis.call('ZADD', KEYS[1], expiry, ARGV[2])
keep_key_until_last_slot()
return 1
