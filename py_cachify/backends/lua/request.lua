-- Precedes a script that has a token: the answer also says which request it answers, because a
-- client may read the answer to an earlier one.
--
--   ARGV[1]    the token, whose last five bytes name the request
--   operation  distinguishes requests that have the same token
--
-- Defines `request` (operation * 2^40 + name) and DECISION.  An answer that only decides is
-- request + decision * DECISION.

local a, b, c, d, e = string.byte(ARGV[1], -5, -1)
if not e then
  a, b, c, d, e = string.byte('\0\0\0\0' .. ARGV[1], -5, -1)
end
local request = operation * 2^40 + (((a * 256 + b) * 256 + c) * 256 + d) * 256 + e
local DECISION = 2^43
