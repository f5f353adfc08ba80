-- Counts the live slots.  It changes nothing, so it also works where only reading is allowed.
--
--   ARGV[1]  a number below 2^24, which names the request, as in answer.lua
--   returns  -1 - (slots * 2^24 + ARGV[1]): negative, unlike every other answer

-- Not the slots after now: a small sorted set counts them one by one, and few have expired.
local slots = redis.call('ZCARD', KEYS[1]) - redis.call('ZCOUNT', KEYS[1], '-inf', now)
return -1 - (slots * 2^24 + ARGV[1])
