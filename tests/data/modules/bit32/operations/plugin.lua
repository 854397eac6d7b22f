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
    local names = {}
    for k in pairs(m) do names[#names + 1] = k end
    line("order", unpack(names))
    table.sort(names)
    line("global", type(bit32))
    local values = {0, 1, -1, 31, 32, 33, -32, 255, 0x12345678, 2^31, 2^32 + 5, 0.5, 1.5, -1.5, 2^51 + 1, 2^53 + 2, -2^52, 1e300, 0/0, " 0x10 "}
    for _, name in ipairs(names) do
        local f = m[name]
        for i, a in ipairs(values) do
            local out = {}
            out[1] = show(select(2, pcall(f, a)))
            for j, b in ipairs(values) do
                if not (name == "tohex" and j == 10) then
                    out[#out + 1] = show(select(2, pcall(f, a, b)))
                end
            end
            add_to_payload(name, " ", i, ": ", table.concat(out, " "):gsub("bad argument ", "?"):gsub("'%w+'", ""), "\n")
        end
        line(name, f(1, 2, 3), f(7, 6, 5, 4), f(-1, 3, 4, 5))
    end
    inject_payload("txt", "result")
end
