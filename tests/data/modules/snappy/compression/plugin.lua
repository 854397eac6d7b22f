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
require "snappy"
require "string"
local function sum(s)
    local a, b = 1, 0
    for i = 1, #s do
        a = (a + s:byte(i)) % 65521
        b = (b + a) % 65521
    end
    return b * 65536 + a
end
local function words(count, kinds)
    local list = {"telemetry", "ping", "\"clientId\":", "2026-03-01", "main", "crash", ",", "{", "}", "0", "17", "\n", "\0\1\2"}
    local out = {}
    for i = 1, count do out[i] = list[random(kinds) + 1] .. (random(3) == 0 and random(10000) or "") end
    return table.concat(out)
end
local function noise(count)
    local out = {}
    for i = 1, count do out[i] = string.char(random(256)) end
    return table.concat(out)
end

function process_message() return 0 end

function timer_event(ns, shutdown)
    if not shutdown then return end
    local keys = {}
    for k, v in pairs(snappy) do keys[#keys + 1] = k end
    line("order", unpack(keys))
    line("about", snappy._COPYRIGHT, snappy._DESCRIPTION, snappy._VERSION, snappy.uncompress == snappy.decompress)
    local inputs = {"", "x", ("a"):rep(14), ("a"):rep(15), ("a"):rep(16), ("a"):rep(100), ("abc"):rep(50), ("0123456789"):rep(9000),
        noise(300), noise(20000), noise(66000)}
    for i = 1, 12 do inputs[#inputs + 1] = words(2 ^ i, i + 1) end
    inputs[#inputs + 1] = words(20000, 13)
    inputs[#inputs + 1] = noise(5000) .. words(5000, 5) .. noise(3000) .. ("x"):rep(70000)
    for i, input in ipairs(inputs) do
        local out = snappy.compress(input)
        line("compressed " .. i, #out < 60 and out or #out, sum(out))
        line("back", snappy.uncompress(out) == input, snappy.validate_compressed_buffer(out))
        line("cut", pcall(snappy.uncompress, out:sub(1, -2)))
        line("longer", pcall(snappy.uncompress, out .. "\0"))
    end
    inject_payload("txt", "result")
end
