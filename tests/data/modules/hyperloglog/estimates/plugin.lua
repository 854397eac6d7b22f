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
require "xxhash"
function timer_event(ns, shutdown)
    if not shutdown then return end
    local h, steps = hyperloglog.new(), 0
    for i = 1, 200000 do
        if h:add(i) then steps = steps + 1 end
        if i <= 20 or i % 2500 == 0 then say("numbers " .. i, h:count(), steps) end
    end
    say("digest", xxhash.h64(tostring(h)))
    local g = hyperloglog.new()
    for i = 1, 60000 do
        g:add("key " .. i * 3)
        if i % 5000 == 0 then say("texts " .. i, g:count(), hyperloglog.count(g, h), xxhash.h64(tostring(g))) end
    end
    local a, b = hyperloglog.new(), hyperloglog.new()
    for i = 1, 30 do
        for j = 1, 300 do a:add(bytes(1 + draw(40))) end
        for j = 1, 200 do b:add(draw(32768) / 7) end
        say("union " .. i, hyperloglog.count(a, b), a:count(), b:count(), xxhash.h64(tostring(a)), xxhash.h64(tostring(b)))
    end
    say("merged", a:merge(b):count(), b:count(), xxhash.h64(tostring(a)), xxhash.h64(tostring(b)))
    for length = 0, 70 do
        local one = hyperloglog.new()
        one:add(string.sub(string.rep("0123456789abcdef", 5), 1, length))
        say("length " .. length, xxhash.h64(tostring(one)))
    end
    flush()
end
