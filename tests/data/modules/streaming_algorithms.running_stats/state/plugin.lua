require "string"
require "table"

local function text(value)
    if type(value) == "string" then
        return '"' .. value:gsub("[^ -~]", function(byte) return ("\\x%02x"):format(byte:byte()) end) .. '"'
    end
    if type(value) == "number" then return ("%.17g"):format(value) end
    if type(value) == "userdata" or type(value) == "table" or type(value) == "function" then
        return "<" .. type(value) .. ">"
    end
    return tostring(value)
end

local function show(label, ...)
    local out = {}
    for i = 1, select("#", ...) do out[i] = text((select(i, ...))) end
    add_to_payload(label, ": ", table.concat(out, " "), "\n")
end

local function try(label, f, ...) show(label, pcall(f, ...)) end

-- Numbers from 0 to below n, the same everywhere.
local seed = 12345
local function random(n)
    seed = (seed * 16807) % 2147483647
    return seed % n
end

require "streaming_algorithms.running_stats"

stats = streaming_algorithms.running_stats.new()
empty = streaming_algorithms.running_stats.new()
quoted = streaming_algorithms.running_stats.new()

function process_message() return 0 end

function timer_event(ns, shutdown)
    if not shutdown then return end
    for i = 1, 10 do stats:add(i / 7) end
    quoted:fromstring('"\\\n\r\0\'\t\64' .. ("\0"):rep(7) .. '\200' .. '"\n\r\\abc\255')
    inject_payload("txt", "result", "x")
end
