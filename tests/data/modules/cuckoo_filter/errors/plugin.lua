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

require "cuckoo_filter"
require "hyperloglog"
function timer_event(ns, shutdown)
    if not shutdown then return end
    local c, other = cuckoo_filter.new(10), hyperloglog.new()
    local m = getmetatable(c)
    for i, arguments in ipairs{{}, {1, 2}, {"x"}, {4}, {0}, {-5}, {4.99}, {2 ^ 31}, {2 ^ 32 + 8}, {0 / 0}, {"10"}, {{}}, {true}, {2 ^ 31 - 1}, {1e9}} do
        try("new " .. i, cuckoo_filter.new, unpack(arguments))
    end
    for _, name in ipairs{"add", "query", "delete", "clear", "count", "fromstring"} do
        local f = m[name]
        try(name .. " none", f)
        try(name .. " self", f, c)
        try(name .. " nil", f, nil)
        try(name .. " string", f, "c")
        try(name .. " string and more", f, "c", 1)
        try(name .. " table", f, {}, c, 1, 2)
        try(name .. " other", f, other)
        try(name .. " other and key", f, other, "k")
        try(name .. " nil key", f, c, nil)
        try(name .. " true", f, c, true)
        try(name .. " table key", f, c, {})
        try(name .. " function", f, c, print)
        try(name .. " three", f, c, 1, 2)
        try(name .. " four", f, c, 1, 2, 3)
        try(name .. " five", f, c, 1, 2, 3, 4)
        try(name .. " other object", f, c, other)
    end
    say("count", c:count())
    for i, arguments in ipairs{{"x", "", 1}, {1, {}, 1}, {2, "", {}}, {3, "", "x"}, {4, "", 1}, {5, 123, 1}, {6, string.rep("\0", 16), 1},
        {7, string.rep("\0", 16), "1"}, {8, string.rep("\0", 17), 1.9}, {9, "", 2}, {10, "", -1}, {11, nil, 1}, {12, "", 2 ^ 32 + 1}} do
        try("fromstring " .. i, c.fromstring, c, arguments[1], arguments[2], arguments[3])
        say("count", c:count())
    end
    for _, count in ipairs{-1, 1.9, 1e30, -1e30, 0 / 0, 1 / 0, -1 / 0, 2 ^ 32 + 5, 2 ^ 63, 2 ^ 64, 2 ^ 64 - 2048, "12"} do
        try("fromstring " .. tostring(count), c.fromstring, c, count, string.rep("\0", 16), 1)
        say("count", c:count(), c:add(count), c:count(), c:delete(count), c:count())
    end
    c:fromstring(0, string.rep("\0", 16), 1)
    c:add("x")
    c:fromstring(0, "", 0)
    say("below zero", c:delete("x"), c:count())
    try("method", function() return c:add() end)
    try("method 2", function() return c:add(1, 2) end)
    try("method 3", function() return c:add({}) end)
    try("method 4", function() return c:fromstring(1, "x", 1) end)
    try("method 5", function() return c:delete() end)
    try("method 6", function() local x = c.add(other, 1) end)
    try("global", function() return cuckoo_filter.new() end)
    try("index", function() return c.nothing end)
    try("assign", function() c.x = 1 end)
    flush()
end
