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
    local items = {"b", "B", "h", "H", "l", "L", "T", "i", "I", "f", "d", "x", "s", "c0", "c3", " ", "<", ">", "!", "!4", "!2", "i3", "I5", "i8", "i12"}
    for round = 1, 150 do
        local format, values = "", {}
        for _ = 1, random(8) do
            local item = items[random(#items) + 1]
            format = format .. item
            if item == "s" or item:sub(1, 1) == "c" then
                values[#values + 1] = ("text" .. random(100000)):sub(1, 3 + random(5))
            elseif not item:find("[x <>!]") then
                values[#values + 1] = (random(30000) * 30000 + random(30000)) / 2 ^ random(20) * (random(2) * 2 - 1) * 2 ^ random(30)
            end
        end
        local ok, packed = pcall(struct.pack, format, unpack(values))
        line(round .. " " .. format, ok, packed)
        if ok then
            try("back", struct.unpack, format, packed)
            try("at", struct.unpack, format, packed, random(4))
        end
        try("size", struct.size, format)
        local noise = {}
        for i = 1, random(40) do noise[i] = string.char(random(256)) end
        try("noise", struct.unpack, format, table.concat(noise), random(5))
    end
    inject_payload("txt", "result")
end
