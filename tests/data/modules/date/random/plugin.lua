require "string"
require "table"

local function text(value)
    if type(value) == "string" then
        return '"' .. value:gsub("[^ -~]", function(byte) return ("\\x%02x"):format(byte:byte()) end) .. '"'
    end
    if type(value) == "number" then return ("%.17g"):format(value) end
    if type(value) == "userdata" or type(value) == "table" or type(value) == "function" then
        return "<" .. type(value) .. ">"
    end
    return tostring(value)
end

local function show(label, ...)
    local out = {}
    for i = 1, select("#", ...) do out[i] = text((select(i, ...))) end
    add_to_payload(label, ": ", table.concat(out, " "), "\n")
end

local function try(label, f, ...) show(label, pcall(f, ...)) end

-- Numbers from 0 to below n, the same everywhere.
local seed = 12345
local function random(n)
    seed = (seed * 16807) % 2147483647
    return seed % n
end

require "date"

function process_message() return 0 end

function timer_event(ns, shutdown)
    if not shutdown then return end
    local zones = {"UTC", "America/New_York", "Europe/Paris", "Asia/Kolkata", "Australia/Sydney", "Asia/Shanghai"}
    local formats = {"%F %T", "%Y-%m-%d %H:%M:%S", "%c", "%x %X", "%Y %j %R", "%G %V %u %T", "%Y %U %w %H", "%Y %W %a %H:%M", "%d/%b/%Y:%H:%M:%S %z", "%a, %d %B %Y %T", "%D %T", "%y%m%d %H%M%S", "%F %r", "%F %I %p", "%e %h %C %y %S"}
    for turn = 1, 150 do
        local time = (random(1400000000) + 80000000) * 1e9 + random(1000000) * 1e3
        local zone = zones[random(#zones) + 1]
        local format = formats[random(#formats) + 1]
        local written = date.format(time, format, zone)
        show(zone .. " " .. format .. " " .. text(time), written, pcall(date.time, written, format, zone))
        local unit = ({"day", "hour", "minute", "second"})[random(4) + 1]
        show("floor " .. unit, pcall(date.floor, time, unit, zone))
        local fields = date.get(time, {}, zone)
        show("fields", fields.year, fields.month, fields.day, fields.hour, fields.min, fields.sec, fields.sec_frac, fields.wday, pcall(date.time, fields, zone))
    end
    local pieces = {"%Y", "%m", "%d", "%H", "%M", "%S", "%F", "%T", "%y", "%b", "%a", " ", "-", ":", "%n", "%t", "%Z", "%z", "%p", "%I", "%j", "%3", "%E", "%O", "%%", "x", "%c", "%D", "%C", "%e"}
    local texts = {"2017", "07", "7", "16", "17", ":", "-", " ", "Jul", "Sun", "PM", "+0200", "UTC", "59.5", "x", "/", "%", "0", "\t", "1"}
    for turn = 1, 400 do
        local format, input = {}, {}
        for i = 1, random(8) + 1 do format[i] = pieces[random(#pieces) + 1] end
        for i = 1, random(8) + 1 do input[i] = texts[random(#texts) + 1] end
        format, input = "%F " .. table.concat(format), "2017-07-16 " .. table.concat(input)
        local ok, res = pcall(date.time, input, format)
        if ok or turn % 20 == 0 then show(text(format) .. " " .. text(input), ok, res) end
        show(text(format), date.format(1500249600123456000 + turn * 1e14, format))
    end
    inject_payload("txt", "result")
end
