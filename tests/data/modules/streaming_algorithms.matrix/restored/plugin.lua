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

float = streaming_algorithms.matrix.new(3, 2, "float")
float:set(1, 1, 5)

function process_message() return 0 end

function timer_event(ns, shutdown)
    if not shutdown then return end
    for row = 1, 2 do show("int " .. row, unpack(int:get_row(row))) end
    for row = 1, 3 do show("float " .. row, unpack(float:get_row(row))) end
    show("nested", nested[1]:get_configuration())
    show("nested", unpack(nested[1]:get_row(1)))
    show("empty", empty:get(1, 1), empty:add(1, 1, 2))
    inject_payload("txt", "result")
end
