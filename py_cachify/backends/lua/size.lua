-- Counts the live slots.
--
--   returns  the number of live slots

redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
return redis.call('ZCARD', KEYS[1])
