-- Follows acquire.lua, release.lua and undo.lua, which are then the body of `decide()`: the answer
-- also says which request it answers, because a client may read the answer to an earlier one.
--
--   ARGV[1]    the token, whose last five bytes name the request
--   operation  distinguishes requests that have the same token
--   returns    decision * 2^42 + operation * 2^40 + name

local a, b, c, d, e = string.byte('\0\0\0\0' .. ARGV[1], -5, -1)
return decide() * 2^42 + operation * 2^40 + (((a * 256 + b) * 256 + c) * 256 + d) * 256 + e
