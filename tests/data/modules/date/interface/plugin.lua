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

local module = require "date"

function process_message() return 0 end

function timer_event(ns, shutdown)
    if not shutdown then return end

    local names = {}
    for name in pairs(date) do names[#names + 1] = name end
    table.sort(names)
    show("module", module == date, getmetatable(date) ~= nil, table.concat(names, " "))
    show("now", date.time() > 1e18, type(date.time()))
    for _, value in ipairs{true, 5, "x", "2017-01-01", {}, print or pcall} do
        try("time", date.time, value)
        try("time and nil", date.time, value, nil)
        try("time and number", date.time, value, 5)
        try("time and text", date.time, value, "%Y-%m-%d")
        try("time and zone", date.time, value, "UTC")
        try("time and no zone", date.time, value, "Nowhere")
        try("time and table", date.time, value, {})
        try("time, format and zone", date.time, value, "%F", "UTC")
        try("time, format and no zone", date.time, value, "%F", "Nowhere/There")
        try("time, format and number", date.time, value, "%F", 5)
        try("time, format and false", date.time, value, "%F", false)
        try("time, format, nil and locale", date.time, value, "%F", nil, "C")
        try("time, format, nil and no locale", date.time, value, "%F", nil, "xx_YY")
        try("time, format, no zone and table", date.time, value, "%F", "Nowhere", {})
        try("time, format, zone and table", date.time, value, "%F", "UTC", {})
        try("time, format, nil and number", date.time, value, "%F", nil, 5)
        try("format", date.format, value)
        try("format with it", date.format, 0, value)
        try("format in it", date.format, 0, "%F", value)
        try("format like it", date.format, 0, "%F", "UTC", value)
        try("floor", date.floor, value)
        try("floor to it", date.floor, 0, value)
        try("floor in it", date.floor, 0, "day", value)
        try("get", date.get, value)
        try("get of it", date.get, 0, value)
        try("get in it", date.get, 0, "year", value)
    end
    try("time of nil", date.time, nil)
    try("format of nothing", date.format)
    try("floor of nothing", date.floor)
    try("get of nothing", date.get)
    try("locales", date.format, 0, "%c", "UTC", "POSIX")
    try("locales", date.format, 0, "%c", nil, "de_XX")
    try("bad zone and locale", date.format, 0, "%c", "bad", "de_XX")
    try("zone in another case", date.format, 0, "%c", "europe/berlin")
    try("zone with more", date.format, 0, "%F", "UTC\0x")
    try("empty zone", date.format, 0, "%F", "")
    for _, unit in ipairs{"day", "hour", "minute", "second", "month", "", "Day"} do
        try("floor to " .. unit, date.floor, 1234567890123456789, unit)
        try("floor before 1970 to " .. unit, date.floor, -1234567890123456789, unit)
    end
    for _, component in ipairs{"year", "month", "day", "hour", "min", "sec", "sec_frac", "wday", "yday", ""} do
        try("get " .. component, date.get, 1234567890123456789, component)
        try("get " .. component, date.get, -1234567890123456789, component, "Asia/Tokyo")
    end
    for _, time in ipairs{0/0, 1/0, -1/0, 1e30, 2^63, -2^63, 9.2e18, -9.2e18, 0.5, -0.5, "12345678901234567890", "7"} do
        try("format " .. text(time), date.format, time, "%F %T")
        try("floor " .. text(time), date.floor, time, "hour")
        try("get " .. text(time), date.get, time, "year")
    end
    local all = date.get(1234567890123456789, {other = 1}, "America/New_York")
    names = {}
    for name, value in pairs(all) do names[#names + 1] = name .. "=" .. text(value) end
    table.sort(names)
    show("all", table.concat(names, " "))
    show("back", date.time(all, "America/New_York"))
    local own = {}
    show("the same table", date.get(0, own) == own)
    for i, fields in ipairs{{}, {year = 2017}, {year = 2017, month = 2, day = 31}, {year = 2017, month = 13, day = 1}, {year = 2017, month = 0, day = 0},
        {year = 2017, month = 3, day = 0}, {year = 2017, month = -1, day = -1}, {year = 2017, month = 257, day = 257}, {year = 70000, month = 1, day = 1},
        {year = -5, month = 1, day = 1}, {year = 2017, month = 1, day = 1, hour = 25, min = 61, sec = 61, sec_frac = 1.5},
        {year = 2017, month = 1, day = 1, hour = -25, min = -61, sec = -61, sec_frac = -1.5}, {year = "2017", month = "1", day = "2"},
        {year = 2017.9, month = 1.9, day = 1.9}, {year = 1677, month = 9, day = 21}, {year = 2262, month = 4, day = 12}, {year = 9999, month = 12, day = 31},
        {year = 2017, month = 1, day = 1, hour = 2147483647}, {year = 2017, month = 1, day = 1, sec_frac = 1e30}, {year = 4294967296 + 2017, month = 1, day = 1},
        {year = {}, month = true, day = "x"}, {year = 2017, month = 255, day = 255}} do
        try("table " .. i, date.time, fields)
        try("table in Tokyo " .. i, date.time, fields, "Asia/Tokyo")
    end
    try("raising table", date.time, setmetatable({}, {__index = function(_, name) error("no " .. name, 0) end}))
    try("made up table", date.time, setmetatable({}, {__index = function(_, name) return #name + 1990 % 1000 end}))
    inject_payload("txt", "result")
end
