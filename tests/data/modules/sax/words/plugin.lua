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

local function series(n)
    local out = {}
    for i = 1, n do
        local kind = random(40)
        if kind == 0 then out[i] = 0/0
        elseif kind == 1 then out[i] = 1/0
        elseif kind == 2 then out[i] = -1/0
        else out[i] = (random(2000001) - 1000000) / (10 ^ random(7)) end
    end
    return out
end

function timer_event(ns, shutdown)
    if not shutdown then return end
    for cardinality = 2, 16 do
        for _, sizes in ipairs{{16, 4}, {60, 12}, {24, 24}, {100, 2}, {7, 7}} do
            local word = sax.word.new(series(sizes[1]), sizes[2], cardinality)
            show(cardinality .. " of " .. sizes[1], tostring(word))
        end
    end
    local nan, inf = 0/0, 1/0
    show("no numbers", tostring(sax.word.new({nan, nan, nan, nan}, 2, 4)))
    show("infinities", tostring(sax.word.new({inf, -inf, inf, inf, -inf, -inf, nan, inf}, 4, 8)))
    show("nothing finite", tostring(sax.word.new({inf, inf, nan, nan}, 2, 8)))
    show("constant", tostring(sax.word.new({5, 5, 5, 5}, 2, 5)), tostring(sax.word.new({5, 5, 5, 5}, 2, 6)))
    show("nearly constant", tostring(sax.word.new({5, 5.009, 5, 5.009}, 2, 6)), tostring(sax.word.new({5, 5.03, 5.03, 5}, 4, 6)))
    show("one number", tostring(sax.word.new({nan, 3, nan, nan}, 4, 6)))
    show("huge", tostring(sax.word.new({1e308, 1e308, -1e308, -1e308}, 2, 6)))
    show("tiny", tostring(sax.word.new({1e-308, -1e-308, 0, -0}, 4, 6)))
    for cardinality = 2, 16 do
        local letters = {}
        for i = 1, 40 do
            local letter = random(cardinality + 1)
            letters[i] = letter == cardinality and "#" or string.char(65 + letter)
        end
        local word = sax.word.new(table.concat(letters), cardinality)
        show("letters " .. cardinality, tostring(word), tostring(word) == table.concat(letters))
        try("one more " .. cardinality, sax.word.new, string.char(65 + cardinality) .. "A", cardinality)
    end
    local a, b = sax.word.new("ABC", 8), sax.word.new("ABC", 8)
    show("equality", a == b, a == sax.word.new("ABC", 7), a == sax.word.new("ABD", 8), a == sax.word.new("ABCC", 8), a ~= b)
    show("series and text", sax.word.new({-1, 0, 1}, 3, 3) == sax.word.new("ABC", 3), sax.word.new({-1, 1}, 2, 3) == sax.word.new("AC", 3))
    inject_payload("txt", "result")
end
