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
    local sets = {}
    for i = 1, 5 do sets[i] = hyperloglog.new() end
    local saved = tostring(sets[1])
    for n = 1, 30000 do
        local set, what = sets[1 + draw(5)], draw(1000)
        if what < 600 then set:add(draw(32768) * 32768 + draw(32768))
        elseif what < 900 then set:add(bytes(draw(20)))
        elseif what < 940 then say("count", set:count())
        elseif what < 950 then set:merge(sets[1 + draw(5)])
        elseif what < 960 then say("union", hyperloglog.count(set, sets[1 + draw(5)], sets[1 + draw(5)]))
        elseif what < 965 then set:clear()
        elseif what < 980 then saved = tostring(set)
        elseif what < 985 then set:fromstring(saved)
        else say("text", xxhash.h64(tostring(set))) end
    end
    for i = 1, 5 do say("end " .. i, sets[i]:count(), xxhash.h64(tostring(sets[i]))) end
    flush()
end
