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

require "sax"

filled = sax.window.new(6, 3, 5)
empty = sax.window.new(4, 2, 4)
cleared = sax.window.new(4, 2, 4)
turned = sax.window.new(4, 2, 16)
infinite = sax.window.new(4, 2, 4)
letters = sax.word.new("AB#D", 4)
numbers = sax.word.new({1, 2.5, -3, 1e9}, 2, 16)
nested = {window = sax.window.new(2, 2, 2), [1] = sax.word.new("BA", 2)}

function process_message() return 0 end

function timer_event(ns, shutdown)
    if not shutdown then return end
    filled:add({1, 2.25, -3.123456789012, 1e-7, 1234567890123456, 5})
    filled:add(7)
    cleared:add({1, 2, 3, 4})
    cleared:clear()
    turned:add({1, 2, 3})
    infinite:add({1/0, -1/0, 0/0})
    nested.window:add(0.1)
    show("words", tostring(filled), tostring(empty), tostring(turned), tostring(infinite), tostring(letters), tostring(numbers))
    inject_payload("txt", "result")
end
