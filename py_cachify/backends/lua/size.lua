-- Counts the live slots.
--
--   returns  their number

return redis.call('ZCARD', KEYS[1])
