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
function timer_event(ns, shutdown)
    if not shutdown then return end
    names("module", bloom_filter)
    names("methods", getmetatable(bloom_filter.new(10, .1)))
    say("global", bloom_filter == require "bloom_filter", type(getmetatable(bloom_filter)))
    say("version", bloom_filter.version(), bloom_filter.version(1, 2))
    local b = bloom_filter.new(1000, 0.001)
    say("new", type(b), b:count(), b:query("a"))
    say("add", b:add("a"), b:add("a"), b:query("a"), b:count())
    say("number", b:add(1), b:query(1), b:query("1"), b:add("1"), b:count())
    for i, key in ipairs(KEYS) do say("key " .. i, b:query(key), b:add(key), b:query(key), b:count()) end
    for length = 0, 70 do
        local key = string.sub(string.rep("0123456789abcdef", 5), 1, length)
        say("length " .. length, b:query(key), b:add(key), b:add(key))
    end
    say("clear", select("#", b:clear()), b:count(), b:query("a"), b:add("a"))
    say("fromstring", select("#", b:fromstring(77, string.rep("\255", 1798))), b:count(), b:query("anything"), b:add("anything"))
    say("fromstring without count", select("#", b:fromstring(string.rep("\0", 1798))), b:count(), b:query("anything"), b:add("anything"), b:count())
    local full = 0
    local small = bloom_filter.new(2, .5)
    for i = 1, 50 do if small:add(i) then full = full + 1 end end
    say("full", full, small:count(), small:query("never added"))
    add_to_payload(string.match(tostring(b), "^userdata") or "no userdata")
    say("payload", pcall(add_to_payload, b))
    flush()
end
