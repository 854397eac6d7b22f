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

local module = require "sax"

function process_message() return 0 end

function timer_event(ns, shutdown)
    if not shutdown then return end
    show("module", module == sax, type(sax.window), type(sax.word), sax.version(), getmetatable(sax) ~= nil)
    local names = {}
    for name in pairs(sax) do names[#names + 1] = name end
    table.sort(names)
    show("names", table.concat(names, " "))
    local window, word = sax.window.new(8, 4, 6), sax.word.new("AB", 4)
    for label, object in pairs{window = window, word = word} do
        names = {}
        for name in pairs(getmetatable(object)) do names[#names + 1] = name end
        table.sort(names)
        show(label, table.concat(names, " "))
    end
    show("same comparison", getmetatable(window).__eq == getmetatable(word).__eq)

    try("no arguments", sax.window.new)
    try("two arguments", sax.window.new, 8, 4)
    try("four arguments", sax.window.new, 8, 4, 6, 1)
    try("text", sax.window.new, "a", 4, 6)
    try("second text", sax.window.new, 8, "a", 6)
    try("third text", sax.window.new, 8, 4, "a")
    try("numeric texts", sax.window.new, "8", "4", "6")
    for _, sizes in ipairs{{1, 1, 6}, {4097, 1, 6}, {4096, 2049, 6}, {4096, 2048, 6}, {8, 1, 6}, {8, 3, 6}, {8, 4, 1},
        {8, 4, 17}, {8, 4, 16}, {8, 4, 2}, {-8, 4, 6}, {8, -4, 6}, {8, 4, -6}, {8, 0, 6}, {8.9, 4.9, 6.9},
        {4294967304, 4, 6}, {8, 4, 262}, {0/0, 4, 6}, {1/0, 4, 6}, {2, 2, 2}} do
        try("sizes " .. table.concat(sizes, " "), sax.window.new, unpack(sizes))
    end

    try("add nothing", window.add, window)
    try("add two", window.add, window, 1, 2)
    try("add nil", window.add, window, nil)
    try("add text", window.add, window, "x")
    try("add numeric text", window.add, window, "1.5")
    try("add boolean", window.add, window, true)
    try("add to a word", window.add, word, 1)
    try("add to a table", window.add, {}, 1)
    try("add an empty table", window.add, window, {})
    try("add a table with text", window.add, window, {1, 2, "x"})
    try("add a table with a hole", window.add, window, {1, nil, 3})
    try("add a table of numeric texts", window.add, window, {1, "2", 3})
    try("add a table of tables", window.add, window, {{}})
    try("clear with an argument", window.clear, window, 1)
    try("clear nothing", window.clear)
    try("clear a word", window.clear, word)
    try("get_word with an argument", window.get_word, window, 1)
    try("get_word of a word", window.get_word, word)
    try("get_word", window.get_word, window)
    show("window", tostring(window), tostring(window:get_word()))

    try("word of nothing", sax.word.new)
    try("word of one", sax.word.new, "AB")
    try("word of four", sax.word.new, "AB", 4, 4, 4)
    try("word of a short text", sax.word.new, "A", 4)
    try("word of a number", sax.word.new, 12, 4)
    try("word of a table", sax.word.new, {}, 4)
    try("word of nil", sax.word.new, nil, 4)
    try("word without cardinality", sax.word.new, "AB", nil)
    try("word of cardinality 1", sax.word.new, "AA", 1)
    try("word of cardinality 17", sax.word.new, "AA", 17)
    try("word of cardinality 258", sax.word.new, "AB", 258)
    try("word of cardinality -1", sax.word.new, "AA", -1)
    try("word of wrong letters", sax.word.new, "AE", 4)
    try("word of low letters", sax.word.new, "A@", 4)
    try("word of high bytes", sax.word.new, "A\200", 4)
    try("word with a zero", sax.word.new, "A\0Z", 4)
    try("word of zeros", sax.word.new, "\0\0", 4)
    show("cut", tostring(sax.word.new("AB\0Z", 4)), tostring(sax.word.new("A\0Z", 4)), tostring(sax.word.new("##", 4)))
    try("table without table", sax.word.new, "AB", 2, 4)
    try("table with text", sax.word.new, {1, 2, 3, "x"}, 2, 4)
    try("table with text and bad w", sax.word.new, {1, 2, 3, "x"}, "x", 4)
    try("table with text and bad c", sax.word.new, {1, 2, 3, "x"}, 2, "x")
    try("table of one", sax.word.new, {1}, 2, 4)
    try("table of none", sax.word.new, {}, 2, 4)
    try("table and w of 1", sax.word.new, {1, 2}, 1, 4)
    try("table and w of 3", sax.word.new, {1, 2, 3, 4}, 3, 4)
    try("table and c of 17", sax.word.new, {1, 2, 3, 4}, 2, 17)
    local long = {}
    for i = 1, 4097 do long[i] = i end
    try("table of 4097", sax.word.new, long, 2, 4)
    long[4097] = nil
    show("table of 4096", #tostring(sax.word.new(long, 2048, 4)), tostring(sax.word.new(long, 16, 16)))

    try("mindist of one", sax.mindist, word)
    try("mindist of three", sax.mindist, word, word, word)
    try("mindist of a text", sax.mindist, "AB", word)
    try("mindist of a text second", sax.mindist, word, "AB")
    try("mindist of nil", sax.mindist, nil, word)
    local other = getmetatable(window).__eq
    try("equal of one", other, word)
    try("equal of tables", other, {}, word)
    try("equal of both", other, window, word)
    try("tostring of two", getmetatable(word).__tostring, word, word)
    try("tostring of a text", getmetatable(word).__tostring, "AB")
    try("finalizer of a text", getmetatable(word).__gc, "AB")
    try("finalizer of the other", getmetatable(word).__gc, window)
    try("finalizer of two", getmetatable(word).__gc, word, word)
    try("index", function() return word.add, word.new, window.add ~= nil, window.x end)
    try("assign", function() word.x = 1 end)
    try("less", function() return word < word end)
    inject_payload("txt", "result")
end
