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

require "cuckoo_filter_expire"
require "cuckoo_filter"
function timer_event(ns, shutdown)
    if not shutdown then return end
    local c, other = cuckoo_filter_expire.new(300, 1), cuckoo_filter.new(300)
    local m = getmetatable(c)
    for i, arguments in ipairs{{}, {1000}, {1000, 1, 1}, {"x", 1}, {256, 1}, {257, 1}, {0, 1}, {-5, 1}, {256.99, 1}, {2 ^ 31, 1}, {2 ^ 32 + 300, 1}, {0 / 0, 1},
        {"1000", "5"}, {1000, 0}, {1000, -1}, {1000, 1440}, {1000, 1441}, {1000, .9}, {1000, 1440.9}, {1000, "x"}, {1000, {}}, {{}, 1}, {1000, 2 ^ 32 + 1}, {2 ^ 31 - 1, 1}} do
        try("new " .. i, cuckoo_filter_expire.new, unpack(arguments))
    end
    try("new nil", cuckoo_filter_expire.new, 1000, nil)
    for _, name in ipairs{"add", "query", "delete", "clear", "count", "current_interval", "fromstring"} do
        local f = m[name]
        try(name .. " none", f)
        try(name .. " self", f, c)
        try(name .. " nil", f, nil)
        try(name .. " string", f, "c")
        try(name .. " string and more", f, "c", 1)
        try(name .. " table", f, {}, c, 1, 2)
        try(name .. " other", f, other)
        try(name .. " other and key", f, other, "k")
        try(name .. " other, key, time", f, other, "k", 1)
        try(name .. " nil key", f, c, nil)
        try(name .. " true", f, c, true)
        try(name .. " table key", f, c, {})
        try(name .. " function", f, c, print)
        try(name .. " three", f, c, 1, 2)
        try(name .. " three, nil", f, c, nil, 2)
        try(name .. " three, table", f, c, 1, {})
        try(name .. " three, text", f, c, 1, "x")
        try(name .. " four", f, c, 1, 2, 3)
        try(name .. " five", f, c, 1, 2, 3, 4)
        try(name .. " other object", f, c, other)
    end
    say("count", c:count())
    c:clear()
    local zeros = string.rep("\0", 64 * 20)
    for i, arguments in ipairs{{"x", ""}, {1, {}}, {2, ""}, {3, 123}, {4, zeros}, {5, zeros .. "\0"}, {6, true}} do
        try("fromstring " .. i, c.fromstring, c, arguments[1], arguments[2])
        say("count", c:count())
        try("older fromstring " .. i, c.fromstring, c, arguments[1], nil, arguments[2])
        say("count", c:count())
    end
    for _, count in ipairs{-1, 1.9, 1e30, -1e30, 0 / 0, 1 / 0, -1 / 0, 2 ^ 32 + 5, 2 ^ 63, 2 ^ 64, 2 ^ 64 - 2048, "12"} do
        try("fromstring " .. tostring(count), c.fromstring, c, count, zeros)
        say("count", c:count(), c:add(count, 0), c:count(), c:delete(count), c:count())
    end
    try("method", function() return c:add() end)
    try("method 2", function() return c:add(1) end)
    try("method 3", function() return c:add({}, 1) end)
    try("method 4", function() return c:fromstring(1, "x") end)
    try("method 5", function() return c:delete() end)
    try("method 6", function() local x = c.add(other, 1, 1) end)
    try("global", function() return cuckoo_filter_expire.new() end)
    flush()
end
