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
function timer_event(ns, shutdown)
    if not shutdown then return end
    names("module", cuckoo_filter)
    names("methods", getmetatable(cuckoo_filter.new(10)))
    say("global", cuckoo_filter == require "cuckoo_filter", type(getmetatable(cuckoo_filter)))
    say("version", cuckoo_filter.version(), cuckoo_filter.version(1, 2))
    local c = cuckoo_filter.new(1000)
    say("new", type(c), c:count(), c:query("a"), c:delete("a"))
    say("add", c:add("a"), c:add("a"), c:query("a"), c:count())
    say("delete", c:delete("a"), c:delete("a"), c:query("a"), c:count())
    say("number", c:add(1), c:query(1), c:query("1"), c:add("1"), c:count())
    for i, key in ipairs(KEYS) do say("key " .. i, c:query(key), c:add(key), c:query(key), c:count(), c:delete(key), c:query(key), c:add(key)) end
    for length = 0, 70 do
        local key = string.sub(string.rep("0123456789abcdef", 5), 1, length)
        say("length " .. length, c:query(key), c:add(key), c:add(key), c:delete(key))
    end
    say("clear", select("#", c:clear()), c:count(), c:query("1"))
    say("fromstring", select("#", c:fromstring(77, string.rep("\1\0", 1024), 1)), c:count(), c:query("anything"))
    say("another format", select("#", c:fromstring(78, string.rep("\0", 2048), 0)), c:count())
    say("no format", select("#", c:fromstring(79, "refused if it were read", nil)), c:count())
    say("payload", pcall(add_to_payload, c))
    flush()
end
