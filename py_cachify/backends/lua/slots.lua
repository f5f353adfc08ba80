-- Included where a script may add slots, or prolong their lives.

-- As keep_key.lua.
local function keep_key(expiry)
  -- include keep_key.lua
end

-- As put.lua.
local function put(member, expiry, taken)
  -- include put.lua
end
