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

function process_message() return 0 end

local function number()
    local kind = random(25)
    if kind == 0 then return 0/0 end
    if kind == 1 then return 1/0 end
    if kind == 2 then return -1/0 end
    if kind == 3 then return 1e15 end
    return (random(20001) - 10000) / 10 ^ random(5)
end

function timer_event(ns, shutdown)
    if not shutdown then return end
    for _, sizes in ipairs{{8, 4, 6}, {32, 8, 16}, {12, 12, 3}, {2, 2, 2}, {100, 5, 11}} do
        local window = sax.window.new(unpack(sizes))
        local other = sax.window.new(unpack(sizes))
        for turn = 1, 60 do
            local kind = random(12)
            if kind == 0 then window:clear()
            elseif kind < 4 then
                local list = {}
                for i = 1, random(2 * sizes[1]) do list[i] = number() end
                window:add(list)
            else window:add(number()) end
            if random(3) == 0 then other:add(number()) end
            if turn % 3 == 0 then
                show(sizes[1] .. " " .. turn, tostring(window), window == window:get_word(), window == other)
                show("distance", sax.mindist(window, other))
                show("to its word", sax.mindist(window, window:get_word()))
            end
        end
    end
    local window = sax.window.new(4, 2, 4)
    window:add({1, 2, 3, 4})
    local word = window:get_word()
    window:add(-100)
    show("a word stays", tostring(word), tostring(window), word == window)
    window:clear()
    show("cleared", tostring(window), tostring(window:get_word()))
    window:add("7")
    window:add({"8", 9})
    show("texts", tostring(window))
    add_to_payload(window, " ", word, "\n")
    inject_payload("txt", "result", window, word)
    inject_message({Fields = {window = {value = window}, word = {value = word, representation = "sax"}}})
    try("as a plain field", inject_message, {Fields = {word = word}})
    inject_payload("txt", "more")
end
