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

require "streaming_algorithms.running_stats"

function process_message() return 0 end

function timer_event(ns, shutdown)
    if not shutdown then return end
    local stats = streaming_algorithms.running_stats.new()
    show("empty", stats:avg(), stats:sd(), stats:usd(), stats:variance(), stats:count())
    for i = 1, 400 do
        local kind, value = random(20), (random(2000001) - 1000000) / 10 ^ random(9)
        if kind == 0 then value = 0/0 elseif kind == 1 then value = 1/0 elseif kind == 2 then value = -1/0
        elseif kind == 3 then value = value * 1e300 elseif kind == 4 then value = 0 end
        if i % 100 == 0 then stats:clear() end
        local mean = stats:add(value)
        if i % 3 == 0 then
            show("at " .. i, mean, stats:avg(), stats:sd(), stats:usd(), stats:variance(), stats:count())
            local copy = streaming_algorithms.running_stats.new()
            copy:fromstring(tostring(stats))
            if tostring(copy) ~= tostring(stats) then show("no copy") end
        end
    end
    inject_payload("txt", "result")
end
