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
function timer_event(ns, shutdown)
    if not shutdown then return end
    for _, minutes in ipairs{1, 5, 60, 1440} do
        local c = cuckoo_filter_expire.new(1000, minutes)
        local span = minutes * 60e9
        local function at(label, ns)
            say(minutes .. " " .. label, c:add(label, ns))
            say("interval", c:current_interval())
            say("count", c:count())
        end
        at("first", 0)
        at("end of the first interval", span - 1)
        at("second", span)
        at("last", 255 * span)
        at("new", 256 * span)
        at("too old", 0)
        at("oldest", span)
        at("one more", 257 * span)
        for i = 0, 255 do c:add("fill " .. i, (2 + i) * span) end
        say("filled", c:count(), c:current_interval())
        at("three on", 260 * span)
        at("over the wrap", 515 * span)
        at("not so far", 514 * span + 5)
        say("count", c:count())
        for i = 0, 255 do say("query " .. i, c:query("fill " .. i)) end
        at("a whole round", (515 + 256) * span)
        at("a round and one", (515 + 257) * span)
        at("two rounds", (515 + 257 + 512) * span)
        at("far", 1.5e18)
        at("same", 1.5e18)
        say("count", c:count(), c:current_interval())
        at("before", 1.5e18 - 255 * span)
        at("before the window", 1.5e18 - 256 * span)
        at("negative", -1)
        for i, ns in ipairs{-1e30, 1e30, 0 / 0, 1 / 0, -1 / 0, -0.5, 2 ^ 63 * 1e9, 2 ^ 62 * 1e9, -2 ^ 63 * 1e9, "1.6e18"} do
            at("odd " .. i, ns)
        end
        c:clear()
        say("clear", c:count(), c:current_interval())
        at("after", 1e18)
    end
    flush()
end
