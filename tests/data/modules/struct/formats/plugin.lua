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
require "struct"

function process_message() return 0 end

function timer_event(ns, shutdown)
    if not shutdown then return end
    for k, v in pairs(struct) do line("entry", k, v) end
    local numbers = {0, 1, -1, 127, 128, 255, 256, -128, -129, 65535, 1.5, -1.5, 2^32 + 5, -2^31 - 1, 2^53,
        2^63, -2^63, 2^63 + 2048, 2^64 - 2048, 2^64, 1e19, -1e19, 1e300, -1e300, 1/0, -1/0, 0/0, 0.1, "12", " 0x10 "}
    local options = {"b", "B", "h", "H", "l", "L", "T", "i", "I", "f", "d"}
    for _, n in ipairs{0, 1, 3, 4, 7, 8, 9, 15, 16, 31, 32} do options[#options + 1] = "i" .. n options[#options + 1] = "I" .. n end
    for _, option in ipairs(options) do
        line("size " .. option, struct.size(option), struct.size("!" .. option), struct.size("b!" .. option))
        for _, order in ipairs{"<", ">"} do
            for i, n in ipairs(numbers) do
                local ok, packed = pcall(struct.pack, order .. option, n)
                line(order .. option .. " " .. i, ok, packed, struct.unpack(order .. option, packed))
            end
        end
    end
    inject_payload("txt", "result")
end
