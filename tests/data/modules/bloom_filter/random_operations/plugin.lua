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
    local filters = {bloom_filter.new(20000, .01), bloom_filter.new(500, 1e-6), bloom_filter.new(100, .3), bloom_filter.new(3000, .9)}
    local function key()
        local kind = draw(4)
        if kind == 0 then return draw(3000) end
        if kind == 1 then return draw(1000) / 7 end
        if kind == 2 then return "key " .. draw(5000) end
        return bytes(draw(12))
    end
    local added, known = 0, 0
    for n = 1, 60000 do
        local b, what = filters[1 + draw(4)], draw(1000)
        if what < 500 then if b:add(key()) then added = added + 1 end
        elseif what < 990 then if b:query(key()) then known = known + 1 end
        elseif what < 998 then say("so far", n, added, known, b:count())
        elseif what < 999 then b:clear()
        else pcall(b.fromstring, b, draw(100), "refused") end
    end
    for i = 1, 4 do say("end " .. i, filters[i]:count()) end
    flush()
end
