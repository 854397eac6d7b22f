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
require "zlib"
local function words(count)
    local list = {"telemetry", "ping", "\"clientId\":", "2026-03-01", "main", "crash", ",", "{", "}", "0", "17", "\n", "\0\1\2"}
    local out = {}
    for i = 1, count do out[i] = list[random(#list) + 1] end
    return table.concat(out)
end
local function noise(count)
    local out = {}
    for i = 1, count do out[i] = string.char(random(256)) end
    return table.concat(out)
end

function process_message() return 0 end

-- Compressed bytes at every level and window: long ones as checksums, short ones whole.
function timer_event(ns, shutdown)
    if not shutdown then return end
    local inputs = {"", "x", ("abc"):rep(20), ("a"):rep(70000), words(30), words(30000), noise(3000), noise(40000), ("0123456789"):rep(9000) .. noise(100)}
    for i, input in ipairs(inputs) do
        for level = -1, 9 do
            local out, eof, n, m = zlib.deflate(level)(input, "finish")
            line("level " .. level .. " of " .. i, #out < 60 and out or #out, eof, n, m, zlib.crc32()(out))
            line("back", zlib.inflate()(out) == input)
        end
        for window = -15, 31 do
            local ok, f = pcall(zlib.deflate, 6, window)
            if ok and not (window > 15) then
                local out, eof, n, m = f(input, "finish")
                line("window " .. window .. " of " .. i, #out < 60 and out or #out, eof, n, m, zlib.crc32()(out))
            elseif ok then
                local out = f(input, "finish")
                line("window " .. window .. " of " .. i, #out, (out:sub(1, 10):gsub(".", function(c) return string.format("%02x", c:byte()) end)), zlib.crc32()(out))
            elseif i == 1 then
                line("window " .. window, f)
            end
        end
    end
    inject_payload("txt", "result")
end
