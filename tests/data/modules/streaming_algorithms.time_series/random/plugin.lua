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

require "streaming_algorithms.time_series"

function process_message() return 0 end

local function value()
    local kind = random(30)
    if kind == 0 then return 2147483647 end
    if kind == 1 then return -2147483648 end
    if kind == 2 then return 3000000000.7 end
    if kind < 8 then return 0 end
    return random(2001) - 1000
end

function timer_event(ns, shutdown)
    if not shutdown then return end
    local new = streaming_algorithms.time_series.new
    for _, sizes in ipairs{{2, 1}, {5, 10}, {60, 1e9}, {7, 3}} do
        local rows, width = unpack(sizes)
        local series, other = new(rows, width), new(4, width + random(3))
        local now = 0
        for turn = 1, 300 do
            local what = random(20)
            now = now + random(10) * width / 5
            if random(40) == 0 then now = now + rows * width * random(3) end
            local at = math.floor(now - random(12) * width / 4)
            if at < 0 then at = 0 end
            if what < 7 then show("add " .. at, series:add(at, value()))
            elseif what < 10 then show("set " .. at, series:set(at, value()))
            elseif what < 12 then show("get " .. at, series:get(at), series:current_time())
            elseif what < 14 then other:add(at, value())
            elseif what == 14 then
                local ok, range = pcall(series.get_range, series, random(2) == 0 and at or nil, random(rows + 1))
                if ok and range then show("range " .. at, unpack(range)) else show("range " .. at, ok, range) end
            elseif what == 15 then
                pcall(series.merge, series, other, random(2) == 0 and "add" or "set")
                show("merged", series:current_time())
            elseif what == 16 and random(4) == 0 then series:merge(series) end
            if turn % 4 == 0 then
                for _, kind in ipairs{"sum", "min", "max", "avg", "sd", "usd"} do
                    local start, length, zero = random(3) > 0 and at or nil, random(rows + 1), random(2) == 0
                    show(kind, series:stats(start, length, kind, zero))
                end
            end
            if turn % 60 == 0 then
                local copy = new(rows, width)
                copy:fromstring(tostring(series))
                show("copy", tostring(copy):sub(1, -5) == tostring(series):sub(1, -5), copy:current_time())
                show("all", unpack(series:get_range(nil, rows)))
            end
        end
    end
    -- Times that are far back look near.
    local series = new(10, 1)
    series:set(2^32 + 5, 7)
    show("far back", series:get(5), series:get(2^31 + 5), series:get(3), series:get(6), series:get(2^32 + 5), series:add(5, 1), series:get(2^32 + 5))
    series:set(2^40, 9)
    show("farther", series:get(2^32), series:get(2^33), series:get(2^32 - 1), series:get(0))
    show("after", series:get(2^40 + 1), series:add(2^40 + 3, 4), series:current_time(), unpack(series:get_range(nil, 10)))
    local huge = new(3, 2^62)
    show("huge", huge:current_time(), huge:add(2^63, 5), huge:current_time(), huge:add(2^64 - 2048, 6), huge:current_time(), huge:get(0), huge:get(2^62))
    inject_payload("txt", "result")
end

require "math"
