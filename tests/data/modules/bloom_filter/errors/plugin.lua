require "string"
require "table"
require "math"
local out = {}
local function quote(s)
    return '"' .. string.gsub(s, '[%c\127-\255"\\]', function(c) return string.format("\\%03d", string.byte(c)) end) .. '"'
end
local function text(v)
    if type(v) == "string" then return quote(v) end
    if type(v) == "number" then return string.format("%.17g", v) end
    if type(v) == "boolean" or v == nil then return tostring(v) end
    return "<" .. type(v) .. ">"
end
local function say(label, ...)
    local list = {}
    for i = 1, select("#", ...) do list[i] = text((select(i, ...))) end
    out[#out + 1] = label .. ": " .. table.concat(list, " ")
end
local function try(label, f, ...) say(label, pcall(f, ...)) end
local function names(label, t)
    local list = {}
    for k, v in pairs(t) do list[#list + 1] = tostring(k) .. "=" .. type(v) end
    say(label, table.concat(list, " "))
end
local seed = 12345
local function draw(n)
    seed = (seed * 1103515245 + 12345) % 2147483648
    return math.floor(seed / 65536) % n
end
local function flush() inject_payload("txt", "result", table.concat(out, "\n"), "\n") out = {} end
local function bytes(n)
    local list = {}
    for i = 1, n do list[i] = string.char(draw(256)) end
    return table.concat(list)
end
local KEYS = {"", "a", "\0", "\0\0", "a\0b", "\255\254", "1", 1, -1, 0, -0, 1 / -math.huge, 0 / 0, -(0 / 0), 1 / 0, -1 / 0, 1.5, 1e300, 5e-324, 2 ^ 53}
function process_message() return 0 end

require "bloom_filter"
require "hyperloglog"
function timer_event(ns, shutdown)
    if not shutdown then return end
    local b, other = bloom_filter.new(10, .1), hyperloglog.new()
    local m = getmetatable(b)
    for i, arguments in ipairs{{}, {1}, {1, 2, 3}, {"x", .1}, {1, .1}, {0, .1}, {-5, .1}, {1.99, .1}, {2 ^ 31, .1}, {2 ^ 32 + 2, .1},
        {0 / 0, .1}, {"10", "0.1"}, {10, 0}, {10, 1}, {10, -1}, {10, 2}, {10, 0 / 0}, {10, 1 / 0}, {10, "x"}, {10, {}}, {{}, .1}, {nil, .1}} do
        try("new " .. i, bloom_filter.new, unpack(arguments, 1, i == 22 and 2 or #arguments))
    end
    for _, name in ipairs{"add", "query", "clear", "count", "fromstring"} do
        local f = m[name]
        try(name .. " none", f)
        try(name .. " self", f, b)
        try(name .. " nil", f, nil)
        try(name .. " string", f, "b")
        try(name .. " string and more", f, "b", 1)
        try(name .. " table", f, {}, b, 1, 2)
        try(name .. " other", f, other)
        try(name .. " other and key", f, other, "k")
        try(name .. " nil key", f, b, nil)
        try(name .. " true", f, b, true)
        try(name .. " table key", f, b, {})
        try(name .. " function", f, b, print)
        try(name .. " three", f, b, 1, 2)
        try(name .. " four", f, b, 1, 2, 3)
        try(name .. " other object", f, b, other)
    end
    say("count", b:count())
    try("fromstring text", b.fromstring, b, "x", "123456")
    try("fromstring count stays", b.fromstring, b, 5, "")
    say("count", b:count())
    try("fromstring table", b.fromstring, b, 7, {})
    say("count", b:count())
    for _, count in ipairs{-1, 1.9, 1e30, -1e30, 0 / 0, 1 / 0, -1 / 0, 2 ^ 32 + 5, 2 ^ 63, 2 ^ 64, 2 ^ 64 - 2048, "12"} do
        try("fromstring " .. tostring(count), b.fromstring, b, count, "123456")
        say("count", b:count(), b:add(count), b:count())
        b:clear()
    end
    try("method", function() return b:add() end)
    try("method 2", function() return b:add(1, 2) end)
    try("method 3", function() return b:add({}) end)
    try("method 4", function() return b:fromstring(1, "x") end)
    try("method 5", function() return b:query() end)
    try("method 6", function() local x = b.add(other, 1) end)
    try("method 7", function() local x = b.fromstring(other, 1, 2) end)
    try("global", function() return bloom_filter.new(5) end)
    try("index", function() return b.nothing end)
    try("assign", function() b.x = 1 end)
    flush()
end
