-- Follows a script that has a token, of which `load_script()` has made `decide()`.
--
--   request  as in request.lua
--   returns  request + decision * DECISION; in a list if there is more to say: the standing of a
--            waiter that stays queued, and the tickets of the asking process that have got a slot

local decision, standing_of_waiter = decide()
local answer = request + decision * DECISION
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
