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
    for _, name in ipairs{"adler32", "crc32"} do
        local new = zlib[name]
        local f = new()
        line(name, f())
        line(name, f("hello"))
        line(name, f(" world"))
        line(name, f(""))
        line(name, f(12.5))
        line(name, f(("x"):rep(100000)))
        line(name, f())
        local g = new()
        g("other")
        line("combined", f(g))
        line("combined", f(g, "ignored"))
        line("combined with itself", f(f))
        try("numbers", f, function() return 7, 8 end)
        try("texts", f, function() return "7", "8" end)
        try("huge", f, function() return 1e300, 1e15 end)
        try("fractions", f, function() return 1.9, 2.9 end)
        try("negative", f, function() return -1, 3 end)
        try("one", f, function() return 1 end)
        try("none", f, function() end)
        try("words", f, function() return "a", "b" end)
        try("raises", f, function() error("x") end)
        try("nil", f, nil)
        try("table", f, {})
        try("boolean", f, true)
        line("unchanged", f())
        for i = 1, 50 do
            local noise = {}
            for j = 1, random(40) do noise[j] = string.char(random(256)) end
            local a, b = new(), new()
            noise = table.concat(noise)
            local at = random(#noise + 1)
            a(noise:sub(1, at))
            b(noise:sub(at + 1))
            line(i, new()(noise))
            line(i, a(b))
        end
    end
    inject_payload("txt", "result")
end
