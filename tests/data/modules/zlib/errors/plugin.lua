require "string"
require "table"
local function show(v)
    if type(v) == "string" then
        return '"' .. v:gsub("[^\32-\126]", function(c) return string.format("\\%03d", c:byte()) end) .. '"'
    elseif type(v) == "number" then
        return string.format("%.17g", v)
    end
    return type(v) == "boolean" and tostring(v) or type(v)
end
local function line(label, ...)
    local out = {}
    for i = 1, select("#", ...) do out[i] = show((select(i, ...))) end
    add_to_payload(label, ": ", table.concat(out, " "), "\n")
end
local function try(label, f, ...) line(label, pcall(f, ...)) end
local seed = 42
local function random(n)
    seed = (seed * 1103515245 + 12345) % 2147483648
    return math.floor(seed / 65536) % n
end
require "math"
require "zlib"

function process_message() return 0 end

function timer_event(ns, shutdown)
    if not shutdown then return end
    for _, k in ipairs{"BEST_SPEED", "BEST_COMPRESSION", "_COPYRIGHT", "_DESCRIPTION", "_VERSION", "_TEST_BUFSIZ"} do line(k, zlib[k]) end
    local keys = {}
    for k in pairs(zlib) do keys[#keys + 1] = k end
    line("order", unpack(keys))
    line("version", type(zlib.version()), select("#", zlib.version()))
    for _, level in ipairs{-3, -2, -1, 0, 9, 10, 100, 2^31, 2^32, 0/0, "5", "x", {}} do
        try("level", zlib.deflate, level)
    end
    for _, window in ipairs{0, 7, 8, 9, 15, 16, 17, 23, 24, 31, 32, 39, 40, 47, 48, 63, -7, -8, -9, -15, -16, 2^32 + 15, "15", "x", {}} do
        try("deflate window", zlib.deflate, nil, window)
        try("inflate window", zlib.inflate, window)
    end
    local whole = zlib.deflate()(("a text that is long enough "):rep(5), "finish")
    local gz = zlib.deflate(6, 31)(("a text that is long enough "):rep(5), "finish")
    for _, input in ipairs{whole, gz} do
        for i = 1, #input do
            local damaged = input:sub(1, i - 1) .. string.char((input:byte(i) + 1) % 256) .. input:sub(i + 1)
            local g = zlib.inflate()
            try("damaged " .. i, g, damaged)
            try("after", g, "more")
            try("after", g)
        end
        for i = 0, #input do
            try("cut " .. i, zlib.inflate(), input:sub(1, i))
        end
    end
    -- A preset dictionary is announced: the header says so.
    try("dictionary", zlib.inflate(), "\120\187\1\2\3\4" .. whole:sub(3))
    local g = zlib.inflate()
    try("text", g, "hello")
    try("text again", g, "hello")
    try("text end", g)
    for i = 1, 60 do
        local noise = {}
        for j = 1, 1 + random(60) do noise[j] = string.char(random(256)) end
        try("noise " .. i, zlib.inflate(-15), table.concat(noise))
    end
    try("where", function() zlib.inflate()("hello") end)
    try("nothing", zlib.inflate())
    try("nil", zlib.inflate(), nil)
    try("table", zlib.inflate(), {})
    try("number", zlib.inflate(), 5)
    inject_payload("txt", "result")
end
