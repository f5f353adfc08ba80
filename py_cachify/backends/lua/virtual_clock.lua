-- Precedes each of the other scripts in a simulation, instead of server_clock.lua.
--
--   KEYS         as in server_clock.lua
--   ARGV[#ARGV]  the current instant of virtual time, in seconds
--
-- Defines `now` and `in_virtual_time` for the script.

local now = tonumber(ARGV[#ARGV])
local in_virtual_time = true
