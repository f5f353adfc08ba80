-- Counts the live slots.
--
--   ARGV[1]  a number below 2^24, which names the request, as in answer.lua
--   returns  -1 - (slots * 2^24 + ARGV[1]): negative, unlike every other answer

redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
local slots = redis.call('ZCARD', KEYS[1])
return -1 - (slots * 2^24 + ARGV[1])
