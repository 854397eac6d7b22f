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
    names("module", hyperloglog)
    names("methods", getmetatable(hyperloglog.new()))
    say("globals", hyperloglog == require "hyperloglog", type(getmetatable(hyperloglog)))
    say("version", hyperloglog.version(), hyperloglog.version(1, 2))
    local function head(h) return string.sub(tostring(h), 1, 20) end
    local h = hyperloglog.new()
    say("new", #tostring(h), head(h), h:count(), head(h))
    say("add", h:add("a"), head(h), h:count(), head(h))
    say("again", h:add("a"), head(h), h:count())
    say("number", h:add(1), h:add("1"), h:add(1), head(h), h:count(), head(h))
    say("stale keeps the old estimate", h:add("b"), head(h))
    local g = hyperloglog.new()
    g:add("c")
    say("count g", g:count(), head(g))
    say("merge", g:merge(h) == g, select("#", g:merge(h)), head(g), g:count())
    say("merge with itself", g:merge(g) == g, select("#", g:merge(g)), head(g))
    say("union", hyperloglog.count(g, h), hyperloglog.count(g, h, g, h, hyperloglog.new()), head(g))
    say("clear", select("#", g:clear()), head(g), g:count(), head(g))
    say("fromstring", select("#", g:fromstring(tostring(h))), head(g), g:count(), tostring(g) == tostring(h))
    say("tostring", h:__tostring() == tostring(h), #h.__tostring(h))
    say("type", type(h), h == h, h == g, rawequal(h, h))
    for i, key in ipairs(KEYS) do
        local one = hyperloglog.new()
        say("key " .. i, one:add(key), one:add(key), xxhash.h64(tostring(one)), one:count())
    end
    local before = gcinfo()
    local keep = {}
    for i = 1, 20 do keep[i] = hyperloglog.new() end
    say("objects are large", gcinfo() - before >= 20 * 12)
    flush()
end
