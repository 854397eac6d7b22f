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
require "math"

function process_message() return 0 end

function timer_event(ns, shutdown)
    if not shutdown then return end
    math.randomseed(42)
    for shape = 1, 6 do
        local rows = shape == 6 and 100 or 60
        local series = streaming_algorithms.time_series.new(rows, 1e9)
        for i = 0, rows + 25 do
            local value
            if shape == 1 then value = (i % 6) * 10 + (i == 40 and 57 or 0)
            elseif shape == 2 then value = random(1000)
            elseif shape == 3 then value = 5
            elseif shape == 4 then value = math.floor(1000 * math.sin(i / 3)) + random(5)
            elseif shape == 5 then value = random(200000) - 100000
            else value = i < 70 and 3 or random(40) end
            series:set(i * 1e9, value)
        end
        local start = series:current_time() - (rows - 1) * 1e9
        for _, arguments in ipairs{{rows, 5, 100}, {rows, 8, 100}, {rows - 10, 4, 50}, {32, 8, 10}, {16, 4, 100}, {rows, 12, 0.001}, {60, 15, 33.3}} do
            show(shape .. ": " .. table.concat(arguments, " "), series:matrix_profile(nil, unpack(arguments)))
            arguments[4] = "anomaly_current"
            show("current", series:matrix_profile(nil, unpack(arguments)))
            arguments[4] = "mp"
            show("mp", unpack(series:matrix_profile(start, unpack(arguments))))
            arguments[4] = "mpi"
            show("mpi", unpack(series:matrix_profile(start + 0.5, unpack(arguments))))
        end
        show("later", series:matrix_profile(start + 20e9, 32, 5, 100))
        show("next random number", math.random(1000000))
    end
    inject_payload("txt", "result")
end
