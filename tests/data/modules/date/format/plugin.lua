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

local flags = {}
for byte = 32, 126 do
    flags[#flags + 1] = string.char(byte)
end

function timer_event(ns, shutdown)
    if not shutdown then return end
    local times = {0, 1500249600123456000, 1483228799999999999, 951827696000000001, -1, -123456789123456789, 1230768000e9, 1104537600e9, 1546214400e9}
    for _, zone in ipairs{"UTC", "America/Los_Angeles", "Asia/Kolkata"} do
        for _, time in ipairs(times) do
            for _, modifier in ipairs{"", "E", "O"} do
                local out = {}
                for _, flag in ipairs(flags) do
                    if not ((flag == "E" or flag == "O") and modifier == "") then
                        out[#out + 1] = flag .. "=" .. date.format(time, "%" .. modifier .. flag, zone)
                    end
                end
                show(zone .. " " .. text(time) .. " " .. modifier, table.concat(out, "|"))
            end
        end
        -- Weeks around the turns of years.
        for year = 1999, 2017 do
            local start = date.time({year = year, month = 1, day = 1, hour = 12})
            for day = -4, 4 do
                show("week", date.format(start + day * 86400e9, "%a %F %D %C %g %G %j %u %U %V %w %W %y %OU %OV %OW", zone))
            end
        end
    end
    for _, format in ipairs{"", "%", "%%", "%%%", "%E", "%O", "%EE", "%OE", "%EO", "%E%", "%O%Y", "%Ez", "%Oz", "%EZ", "text\n%n%t.", "%5Y", "%-d", "%_d", "%é", "%Y%m%dT%H%M%SZ", "%Y\0%m"} do
        show("odd " .. text(format), date.format(1500249600123456000, format, "Europe/Paris"))
    end
    show("long", #date.format(0, ("%T"):rep(1000)))
    inject_payload("txt", "result")
end
