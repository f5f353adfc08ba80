-- Stands before each of the other scripts in a simulation, in place of server_clock.lua.
--
--   KEYS[1]      the pool
--   ARGV[#ARGV]  the present instant of virtual time, in seconds
--
-- Leaves `now` and `in_virtual_time` to the script.

local now = tonumber(ARGV[#ARGV])
local in_virtual_time = true
