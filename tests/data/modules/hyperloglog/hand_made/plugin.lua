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
    local h, g = hyperloglog.new(), hyperloglog.new()
    local function load(it, head, registers)
        it:fromstring("HYLL" .. head .. string.rep(registers, 12288 / #registers))
    end
    local STALE = "\0\0\0\0" .. string.rep("\0", 7) .. "\128"
    for _, byte in ipairs{0, 1, 4, 16, 63, 64, 65, 85, 127, 128, 170, 192, 252, 254, 255} do
        load(h, STALE, string.char(byte))
        say("registers " .. byte, h:count(), hyperloglog.count(h, g), h:add("x"), xxhash.h64(tostring(h)))
    end
    for i = 1, 40 do
        load(h, STALE, bytes(12 * 2 ^ draw(11)))
        load(g, STALE, bytes(3 * 2 ^ draw(13)))
        say("any " .. i, h:count(), g:count(), hyperloglog.count(h, g), h:add(i), g:add(i))
        say("merged " .. i, h:merge(g):count(), xxhash.h64(tostring(h)), xxhash.h64(tostring(g)))
    end
    for shift = 0, 50 do
        local low = string.rep(string.char(shift % 64 + shift % 4 * 64, math.floor(shift / 4) + shift % 16 * 16, math.floor(shift / 16) + shift * 4), 1)
        load(h, STALE, low)
        say("all " .. shift, h:count(), hyperloglog.count(h, h))
    end
    for _, encoding in ipairs{1, 2, 127, 128, 254} do
        load(h, string.char(encoding, 0, 9, 8) .. string.rep("\0", 7) .. "\128", "abc")
        say("encoding " .. encoding, h:count(), string.sub(tostring(h), 1, 18), h:add(1), h:count(), hyperloglog.count(h, h))
    end
    for _, kept in ipairs{"\1\0\0\0\0\0\0\0", "\255\255\255\255\255\255\255\127", "\0\1\2\3\4\5\6\7"} do
        load(h, "\0\0\0\0" .. kept, "abc")
        say("kept", h:count(), h:count(), hyperloglog.count(h, h), h:add("new 1"), h:add("new 2"), string.sub(tostring(h), 1, 18), h:count())
    end
    load(h, "\255\0\0\0\7\0\0\0\0\0\0\0", "abc")
    say("raw with a kept estimate", h:count(), hyperloglog.count(h, h))
    h:clear()
    load(g, STALE, "\0")
    local zero = string.rep("\0", 12288 - 3)
    for n = 0, 3 do
        local value = 10 * 64 ^ n
        local last = string.char(value % 256, math.floor(value / 256) % 256, math.floor(value / 65536))
        h:fromstring("HYLL" .. STALE .. zero .. last)
        say("last registers " .. n, h:count(), hyperloglog.count(h, g), g:merge(h):count(), hyperloglog.count(h, g))
        h:fromstring("HYLL" .. STALE .. last .. zero)
        say("first registers " .. n, h:count(), hyperloglog.count(h, h))
    end
    flush()
end
