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
    local format = "%Y-%m-%d %H:%M:%S"
    for _, case in ipairs{
        {"2017-03-12 01:59:59.999", "America/Los_Angeles"}, {"2017-03-12 02:00:00", "America/Los_Angeles"}, {"2017-03-12 02:30:00.5", "America/Los_Angeles"}, {"2017-03-12 02:59:59.999999999", "America/Los_Angeles"},
        {"2017-03-12 03:00:00", "America/Los_Angeles"}, {"2016-11-06 00:59:59", "America/Los_Angeles"}, {"2016-11-06 01:00:00", "America/Los_Angeles"}, {"2016-11-06 01:30:00.25", "America/Los_Angeles"},
        {"2016-11-06 01:59:59.999", "America/Los_Angeles"}, {"2016-11-06 02:00:00", "America/Los_Angeles"}, {"2016-03-27 02:15:00", "Europe/Paris"}, {"2016-10-30 02:15:00", "Europe/Paris"},
        {"2016-10-02 02:15:00", "Australia/Lord_Howe"}, {"2016-04-03 01:45:00", "Australia/Lord_Howe"}, {"2011-12-30 12:00:00", "Pacific/Apia"}, {"1986-05-04 02:30:00", "Asia/Tokyo"},
    } do
        try(case[1] .. " " .. case[2], date.time, case[1], format, case[2])
    end
    for _, zone in ipairs{"UTC", "Etc/UTC", "GMT", "Etc/GMT+5", "US/Pacific", "EST", "America/New_York", "America/Sao_Paulo", "Europe/Berlin", "Europe/London", "Asia/Tokyo", "Asia/Kathmandu", "Australia/Adelaide", "Pacific/Auckland", "Pacific/Chatham"} do
        local out = {}
        for month = 1, 12 do
            local time = date.time({year = 2015, month = month, day = 15, hour = 12})
            out[#out + 1] = date.format(time, "%z %Z", zone)
        end
        show(zone, table.concat(out, "|"))
        local out = {}
        for _, step in ipairs{0, 3600e9, 7200e9, 10800e9} do
            out[#out + 1] = date.format(date.time({year = 2015, month = 3, day = 29}) + step, "%F %H:%M %Z", zone)
        end
        show(zone, table.concat(out, "|"))
    end
    local spring, autumn = date.time("2017-03-12 10:30:00", format), date.time("2016-11-06 09:30:00.5", format)
    for _, time in ipairs{spring - 3600e9, spring, autumn - 3600e9, autumn, autumn + 3600e9} do
        for _, unit in ipairs{"day", "hour", "minute", "second"} do try("floor " .. unit, date.floor, time, unit, "America/Los_Angeles") end
        for _, unit in ipairs{"hour", "sec_frac"} do try("get " .. unit, date.get, time, unit, "America/Los_Angeles") end
        local fields = {}
        try("get all", date.get, time, fields, "America/Los_Angeles")
        show("fields", fields.wday, fields.year, fields.month, fields.day, fields.hour, fields.min, fields.sec, fields.sec_frac)
        try("and back", date.time, fields, "America/Los_Angeles")
    end
    inject_payload("txt", "result")
end
