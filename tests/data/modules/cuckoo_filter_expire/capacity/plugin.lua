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
    for i, items in ipairs{257, 512, 1000, 1024, 3000} do
        for _, spread in ipairs{1, 3, 20, 256} do
            math.randomseed(items + spread)
            local c = cuckoo_filter_expire.new(items, 1)
            local new, known, refused, deltas = 0, 0, 0, 0
            for n = 1, items * 3 do
                local ns = 255 * 60e9 + math.floor(n * spread / items) * 60e9 - draw(5) * 60e9
                local ok, added, delta = pcall(c.add, c, "key " .. n, ns)
                if not ok then refused = refused + 1
                elseif added then new = new + 1
                else known = known + 1 deltas = deltas + (delta or 1000) end
                if n % 97 == 0 then say("at " .. n, c:count(), new, known, refused, deltas) end
                if refused > 20 then break end
            end
            local left, sum = 0, 0
            for n = 1, items * 3 do
                local found, interval = c:query("key " .. n)
                if found then left = left + 1 sum = (sum * 31 + interval) % 1000003 end
            end
            say("size " .. items .. " spread " .. spread, c:count(), left, sum, c:current_interval())
            say("random", math.random(1000000))
        end
    end
    local c = cuckoo_filter_expire.new(1000, 1)
    c:fromstring(1e6, string.rep("\1\0\0\0\2\0\0\0\0\0\0\0\4\0\0\0\9\8\7\6", 256))
    say("a count too high", c:add("x", 0))
    say("then", c:count(), c:query("x"))
    c:fromstring(3, string.rep("\1\0\0\0\2\0\0\0\0\0\0\0\4\0\0\0\9\8\7\6", 256))
    say("a count too low", c:add("x", 60e9 * 300))
    say("then", c:count(), c:query("x"))
    say("always", c:add("y", 60e9 * 300))
    say("then", c:count(), c:query("x"))
    flush()
end
