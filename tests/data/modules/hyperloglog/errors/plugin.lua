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

require "hyperloglog"
require "bloom_filter"
function timer_event(ns, shutdown)
    if not shutdown then return end
    local h, other = hyperloglog.new(), bloom_filter.new(10, .1)
    local m = getmetatable(h)
    try("new 1", hyperloglog.new, 1)
    try("new 3", hyperloglog.new, 1, nil, nil)
    try("count 0", hyperloglog.count)
    try("count 1", hyperloglog.count, h)
    try("count 1 wrong", hyperloglog.count, "x")
    try("count second", hyperloglog.count, h, "x")
    try("count first", hyperloglog.count, nil, h)
    try("count third", hyperloglog.count, h, h, other)
    for _, name in ipairs{"add", "count", "clear", "merge", "fromstring", "__tostring"} do
        local f = m[name]
        try(name .. " none", f)
        try(name .. " self", f, h)
        try(name .. " nil", f, nil)
        try(name .. " string", f, "h")
        try(name .. " string and more", f, "h", 1)
        try(name .. " table", f, {}, h)
        try(name .. " other", f, other)
        try(name .. " other and key", f, other, "k")
        try(name .. " nil key", f, h, nil)
        try(name .. " true", f, h, true)
        try(name .. " table key", f, h, {})
        try(name .. " function", f, h, print)
        try(name .. " three", f, h, 1, 2)
        try(name .. " other object", f, h, other)
    end
    try("method", function() return h:add() end)
    try("method 2", function() return h:add(1, 2) end)
    try("method 3", function() return h:add({}) end)
    try("method 4", function() return h:count(1) end)
    try("method 5", function() return h:fromstring("x") end)
    try("method 6", function() local x = h.add(other, 1) end)
    try("global", function() return hyperloglog.new(5) end)
    try("union", function() return hyperloglog.count(h, 5) end)
    local good = tostring(h)
    local function changed(n, byte) return string.sub(good, 1, n - 1) .. string.char(byte) .. string.sub(good, n + 1) end
    try("empty", h.fromstring, h, "")
    try("number", h.fromstring, h, 12304)
    try("short", h.fromstring, h, string.sub(good, 1, -2))
    try("long", h.fromstring, h, good .. "\0")
    for n = 1, 9 do
        try("byte " .. n, h.fromstring, h, changed(n, n == 5 and 1 or 7))
        say("then", string.sub(tostring(h), 1, 16))
        h:fromstring(good)
    end
    try("index", function() return h.nothing end)
    try("assign", function() h.x = 1 end)
    try("call", function() return h() end)
    try("length", function() return #h end)
    try("concat", function() return h .. "" end)
    flush()
end
