require "string"
require "table"
local function show(v)
    if type(v) == "string" then
        return '"' .. v:gsub("[^\32-\126]", function(c) return string.format("\\%03d", c:byte()) end) .. '"'
    elseif type(v) == "number" then
        return string.format("%.17g", v)
    end
    return type(v) == "boolean" and tostring(v) or type(v)
end
local function line(label, ...)
    local out = {}
    for i = 1, select("#", ...) do out[i] = show((select(i, ...))) end
    add_to_payload(label, ": ", table.concat(out, " "), "\n")
end
local function try(label, f, ...) line(label, pcall(f, ...)) end
local seed = 42
local function random(n)
    seed = (seed * 1103515245 + 12345) % 2147483648
    return math.floor(seed / 65536) % n
end
require "math"
local m = require "bit32"

function process_message() return 0 end

function timer_event(ns, shutdown)
    if not shutdown then return end
    local numbers = {-2^63, -32, -1, -0.5, 0, 7, 31, 32, 33, 2^32, 2^62, 2^63, 0/0}
    for i = 1, #numbers do
        try("extract " .. i, m.extract, 0xdeadbeef, numbers[i])
        try("replace " .. i, m.replace, 0xdeadbeef, 0x5a5a5a5a, numbers[i])
        for j = 1, #numbers do
            try("extract " .. i .. " " .. j, m.extract, 0xdeadbeef, numbers[i], numbers[j])
            try("replace " .. i .. " " .. j, m.replace, 0xdeadbeef, 0x5a5a5a5a, numbers[i], numbers[j])
        end
    end
    for field = 0, 31 do
        for width = 1, 32 - field do
            line(field .. " " .. width, m.extract(0xdeadbeef, field, width), m.replace(0xdeadbeef, 0x13579bdf, field, width))
        end
    end
    inject_payload("txt", "result")
end
