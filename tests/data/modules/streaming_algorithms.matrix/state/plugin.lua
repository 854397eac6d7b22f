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

require "streaming_algorithms.matrix"

int = streaming_algorithms.matrix.new(2, 3)
float = streaming_algorithms.matrix.new(3, 2, "float")
empty = streaming_algorithms.matrix.new(1, 1, "int")
nested = {streaming_algorithms.matrix.new(1, 2, "float")}

function process_message() return 0 end

function timer_event(ns, shutdown)
    if not shutdown then return end
    for i = 1, 3 do
        int:add(i % 2 + 1, i, i * 1000000)
        float:set(i, i % 2 + 1, i / 7)
    end
    nested[1]:set(1, 1, 1/0)
    inject_payload("txt", "result", "x")
end
