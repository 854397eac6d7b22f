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

function timer_event(ns, shutdown)
    if not shutdown then return end
    for cardinality = 2, 16 do
        local letters = {}
        for i = 0, cardinality - 1 do letters[#letters + 1] = string.char(65 + i) end
        letters[#letters + 1] = "#"
        for _, a in ipairs(letters) do
            local row = {}
            for _, b in ipairs(letters) do
                local all, above, below = sax.mindist(sax.word.new(a .. a, cardinality), sax.word.new(b .. b, cardinality))
                row[#row + 1] = ("%.17g%s"):format(all, above > below and "+" or below > above and "-" or "")
            end
            add_to_payload(cardinality, a, ": ", table.concat(row, " "), "\n")
        end
    end
    local function words(a, b, c, d) return sax.word.new(a, c), sax.word.new(b, d or c) end
    show("other cardinality", sax.mindist(words("ABC", "ABC", 4, 5)))
    show("other length", sax.mindist(words("ABC", "ABCD", 4)))
    show("both ways", sax.mindist(words("AFAF", "FAFA", 6)))
    show("mixed", sax.mindist(words("ABCDEF", "FEDCBA", 6)))
    local n8, n16 = sax.word.new({1, 2, 3, 4, 5, 6, 7, 8}, 4, 6), sax.word.new({1, 2, 3, 4, 5, 6, 7, 8, 8, 7, 6, 5, 4, 3, 2, 1}, 4, 6)
    show("other n", sax.mindist(n8, n16))
    show("n and none", sax.mindist(n8, sax.word.new("DCBA", 6)))
    show("none and n", sax.mindist(sax.word.new("DCBA", 6), n16))
    local window = sax.window.new(16, 4, 6)
    show("empty window", sax.mindist(window, n16))
    show("window of other n", sax.mindist(window, n8))
    inject_payload("txt", "result")
end
