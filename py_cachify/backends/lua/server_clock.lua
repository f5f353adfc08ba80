-- Precedes each of the other scripts in production: the clock is the server's.
--
-- A pool is one sorted set.  Each member is the token of a slot; its score is the instant at which
-- that slot expires, in seconds (inf: never).  At exactly that instant the slot is gone.
--
--   KEYS[1]  the pool's slots, unless the script says otherwise
--   KEYS[2]  the pool's queue, for the scripts that use it, as in queue.lua
--   KEYS[3]  the pool's tombstones, for the scripts that use them: a sorted set of undone tokens,
--            each with the instant at which its tombstone expires
--
-- Defines `now`, the current instant in seconds, and `in_virtual_time` for the script.

local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
local in_virtual_time = false
