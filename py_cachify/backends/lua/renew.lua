-- Gives slots their full life again, unless they have expired or were given back.
--
--   ARGV[1]  a number, as in size.lua
--   ARGV[2]  how many slots: so many pairs of a token and its life in seconds follow; an empty life
--            means that it never expires
--   returns  as size.lua, how many are gone; with the places of these, from 0, in a list

-- include slots.lua

local gone = {0}
for place = 0, ARGV[2] - 1 do
  local token, life = ARGV[3 + 2 * place], ARGV[4 + 2 * place]
  local expiry = redis.call('ZSCORE', KEYS[1], token)
  -- At exactly its expiry a slot is gone.
  if not expiry or (expiry ~= 'inf' and tonumber(expiry) <= now) then
    gone[#gone + 1] = place
  elseif expiry ~= 'inf' then
    local until_then = life == '' and 'inf' or now + life
    redis.call('ZADD', KEYS[1], 'XX', until_then, token)
    if redis.call('ZREVRANK', KEYS[1], token) == 0 then
      keep_key(until_then)
    end
  end
end
gone[1] = -1 - ((#gone - 1) * 2^24 + ARGV[1])
return gone
