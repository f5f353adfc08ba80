-- Leaves a tombstone for a token, and removes its slot, its ticket or its claim.
--
--   KEYS[3]  the tombstones
--   ARGV[1]  the token
--   ARGV[2]  the tombstone's life in seconds
--   ARGV[3]  how many tombstones the pool keeps at most
--   returns  as release.lua

-- include bury.lua

bury(ARGV[2], ARGV[3])
redis.call('ZREM', KEYS[2], ARGV[1], '!' .. ARGV[1])
redis.call('ZREM', KEYS[1], '?' .. ARGV[1])

-- include release.lua
