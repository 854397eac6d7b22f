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

local p2 = require "streaming_algorithms.p2"

function process_message() return 0 end

local function number(kind)
    local n = random(2147483646)
    if kind == 1 then return n / 2147483647 end
    if kind == 2 then return n % 17 end
    if kind == 3 then return -math.log(n / 2147483647 + 1e-9) * 1000 end
    local special = n % 50
    if special == 0 then return 0/0 end
    if special == 1 then return 1/0 end
    if special == 2 then return -1/0 end
    if special == 3 then return -0 end
    return (n % 2001 - 1000) * 10 ^ (n % 7)
end

require "math"

function timer_event(ns, shutdown)
    if not shutdown then return end
    for kind = 1, 4 do
        for _, p in ipairs{0.01, 0.25, 0.5, 0.9, 0.95, 0.999} do
            local quantile = p2.quantile(p)
            local out = {}
            for i = 1, 300 do
                local estimate = quantile:add(number(kind))
                if i < 12 or i % 60 == 0 then out[#out + 1] = ("%.17g"):format(estimate) end
            end
            show(kind .. " " .. p, table.concat(out, " "))
            show("markers", quantile:estimate(0), quantile:estimate(1), quantile:estimate(2), quantile:estimate(3), quantile:estimate(4))
            show("counts", quantile:count(0), quantile:count(1), quantile:count(2), quantile:count(3), quantile:count(4))
            local copy = p2.quantile(p)
            copy:fromstring(tostring(quantile))
            show("copy", tostring(copy) == tostring(quantile), copy:add(3), quantile:add(3))
        end
        for _, buckets in ipairs{4, 7, 50} do
            local histogram = p2.histogram(buckets)
            for i = 1, 400 do
                histogram:add(number(kind))
                if i == buckets or i == buckets + 1 or i == 400 then
                    local out = {}
                    for marker = 0, buckets do
                        out[#out + 1] = ("%.17g@%.17g"):format(histogram:estimate(marker), histogram:count(marker))
                    end
                    show(kind .. " " .. buckets .. " after " .. i, table.concat(out, " "))
                end
            end
            local copy = p2.histogram(buckets)
            copy:fromstring(tostring(histogram))
            show("copy", tostring(copy) == tostring(histogram))
            histogram:clear()
            show("cleared", tostring(histogram) == tostring(p2.histogram(buckets)))
        end
    end

    -- States that lie.
    local function words(count, p, ...)
        return count .. p .. table.concat({...})
    end
    local nan, inf = ("\0"):rep(6) .. "\248\127", ("\0"):rep(6) .. "\240\127"
    local half = "\0\0\0\63"
    local q = p2.quantile(0.5)
    for label, state in pairs{
        short = ("\0"):rep(125), long = ("\0"):rep(127), empty = "",
        ["count of 6"] = "\6\0" .. half .. ("\0"):rep(120),
        ["count of 256"] = "\0\1" .. half .. ("\0"):rep(120),
        ["other p"] = "\0\0\0\0\0\62" .. ("\0"):rep(120),
        ["p nan"] = "\0\0\0\0\192\127" .. ("\0"):rep(120),
    } do
        q:add(1)
        try(label, q.fromstring, q, state)
        show("cleared", tostring(q) == tostring(p2.quantile(0.5)))
    end
    for i, state in ipairs{"\0\0" .. half .. ("\0"):rep(120), "\3\0" .. half .. ("\255"):rep(120), "\0\0" .. half .. nan:rep(15), "\0\0" .. half .. inf:rep(15), "\0\0" .. half .. (inf .. nan):rep(7) .. inf, "\5\0" .. half .. inf:rep(15)} do
        try("lie " .. i, q.fromstring, q, state)
        for n = 1, 8 do show("add", q:add(number(4))) end
        show("counts", q:count(0), q:count(1), q:count(2), q:count(3), q:count(4))
        show("estimates", q:estimate(0), q:estimate(1), q:estimate(2), q:estimate(3), q:estimate(4))
    end
    local h = p2.histogram(4)
    for label, state in pairs{short = ("\0"):rep(81), long = ("\0"):rep(83), empty = "", ["count of 6"] = "\6\0" .. ("\0"):rep(80)} do
        h:add(1)
        try(label, h.fromstring, h, state)
        show("cleared", tostring(h) == tostring(p2.histogram(4)))
    end
    for i, state in ipairs{("\0"):rep(82), "\5\0" .. ("\255"):rep(80), "\0\0" .. nan:rep(10), "\0\0" .. inf:rep(10), "\1\0" .. (inf .. nan):rep(5)} do
        try("lie " .. i, h.fromstring, h, state)
        for n = 1, 8 do h:add(number(4)) end
        for marker = 0, 4 do show("marker " .. marker, h:count(marker), h:estimate(marker)) end
    end
    inject_payload("txt", "result")
end
