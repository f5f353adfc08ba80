-- Follows a script that has a token, which is then the body of `decide()`: the answer also says
-- which request it answers, because a client may read the answer to an earlier one.
--
--   ARGV[1]    the token, whose last five bytes name the request
--   operation  distinguishes requests that have the same token
--   returns    decision * 2^43 + operation * 2^40 + name; in a list if there is more to say: the
--              standing of a waiter that stays queued, and the tickets of the asking process that
--              have got a slot

local a, b, c, d, e = string.byte(ARGV[1], -5, -1)
if not e then
  a, b, c, d, e = string.byte('\0\0\0\0' .. ARGV[1], -5, -1)
end
local decision, standing_of_waiter = decide()
local answer = decision * 2^43 + operation * 2^40 + (((a * 256 + b) * 256 + c) * 256 + d) * 256 + e
if not (named or standing_of_waiter) then
  return answer
end
local whole = {answer}
for _, list in ipairs({standing_of_waiter or {}, named or {}}) do
  for _, item in ipairs(list) do
    whole[#whole + 1] = item
  end
end
return whole
