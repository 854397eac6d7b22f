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
    for i, items in ipairs{8, 9, 11, 12, 15, 16, 20, 31, 32, 33, 63, 64, 100, 127, 128, 250, 256, 500, 1000, 1024, 2000, 4096, 16000} do
        math.randomseed(items)
        local c = cuckoo_filter.new(items)
        local added, dropped, refused, first = 0, 0, 0
        for n = 1, items * 2 do
            local ok, new = pcall(c.add, c, "key " .. n)
            if not ok then
                refused = refused + 1
                first = first or new
                if refused == 5 then break end
            elseif new then added = added + 1
            else dropped = dropped + 1 end
        end
        local known, deleted = 0, 0
        for n = 1, items * 2 do if c:query("key " .. n) then known = known + 1 end end
        for n = 1, items * 2 do if c:delete("key " .. n) then deleted = deleted + 1 end end
        say("size " .. items, added, dropped, refused, first, c:count(), known, deleted, math.random(1000000))
    end
    flush()
end
