-- Takes the slot of a token back.
--
--   ARGV[2]  the token
--   returns  1 released, 0 it had expired (or was lost) before

local released = redis.call('ZREM', KEYS[1], ARGV[2])
if released == 1 then
  keep_key_until_last_slot()
end
return released
