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
    local chances = {.999999, .99, .9, .75, .5, .3, .1, .05, .01, .001, 1e-4, 1e-6, 1e-9, 1e-20, 1e-100, 1e-300, 5e-324, 1 - 2 ^ -53, 1 / 3, 2 / 3}
    for _, items in ipairs{2, 3, 4, 5, 7, 8, 10, 16, 33, 100, 127, 1000, 1024, 4097} do
        for _, chance in ipairs(chances) do
            local b = bloom_filter.new(items, chance)
            local _, err = pcall(b.fromstring, b, "")
            local added, known = 0, 0
            for i = 1, 20 do if b:add(i) then added = added + 1 end end
            for i = 1, 60 do if b:query("other " .. i) then known = known + 1 end end
            say(items .. " " .. chance, string.match(err, "%d+$"), added, known, b:count())
        end
    end
    for i = 1, 200 do
        local items, chance = 2 + draw(300), (1 + draw(32766)) / 32768
        local b = bloom_filter.new(items, chance)
        local _, err = pcall(b.fromstring, b, "")
        for i = 1, items do b:add("k" .. i) end
        local known = 0
        for i = 1, 100 do if b:query(i) then known = known + 1 end end
        say(items .. " " .. chance, string.match(err, "%d+$"), b:count(), known)
    end
    try("too large", bloom_filter.new, 2147483647, 5e-324)
    flush()
end
