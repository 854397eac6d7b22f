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

filled = nil
letters = sax.word.new("AAAA", 4)
turned = sax.window.new(4, 2, 16)
turned:add(9)

function process_message() return 0 end

function timer_event(ns, shutdown)
    if not shutdown then return end
    show("windows", tostring(filled), tostring(empty), tostring(cleared), tostring(turned), tostring(infinite))
    show("words", tostring(letters), tostring(numbers), tostring(nested[1]), tostring(nested.window))
    show("distance", sax.mindist(filled, filled:get_word()))
    for i = 1, 4 do
        filled:add(i)
        turned:add(i * i)
        show("after " .. i, tostring(filled), tostring(turned))
    end
    inject_payload("txt", "result")
end
