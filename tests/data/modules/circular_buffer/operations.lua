-- A long run of operations on a few buffers, chosen by a generator of its own.
require "circular_buffer"
require "string"
require "math"
local seed = 12345
local function random(n)
    seed = (seed * 16807) % 2147483647
    return seed % n
end
local function pick(t) return t[random(#t) + 1] end
local function show(v) return type(v) == "number" and string.format("%.17g", v) or tostring(v) end
local function p(...)
    for i = 1, select("#", ...) do
        local v = select(i, ...)
        if type(v) == "table" then
            add_to_payload("{")
            for _, x in ipairs(v) do add_to_payload(show(x), " ") end
            add_to_payload("} ")
        elseif type(v) == "userdata" then
            add_to_payload("userdata ")
        else
            add_to_payload(show(v), " ")
        end
    end
    add_to_payload("\n")
end
function process_message() return 0 end
function timer_event(ns, shutdown)
    if not shutdown then return end
    local aggregations = {"sum", "min", "max", "none"}
    local buffers = {}
    for i, c in ipairs{circular_buffer.new(2, 1, 1), circular_buffer.new(5, 3, 60), circular_buffer.new(7, 4, 7)} do
        buffers[i] = c
        local _, columns = c:get_configuration()
        for column = 1, columns do c:set_header(column, "c" .. column, pick{"B", "B/s", "a*b", "long unit"}, pick(aggregations)) end
    end
    local now = 0
    local values = {0, 1, -1, 0.5, 2, 10, 1e9, 3000000000, 1/3, -0.25, 1e-9, 1/0, -1/0, 0/0, 123456.789}
    for n = 1, 1500 do
        local c = pick(buffers)
        local rows, columns, seconds = c:get_configuration()
        if random(3) == 0 then now = now + random(40) end
        if random(400) == 0 then now = now + random(2000) end
        local time = (now - random(3) * random(60) + random(2) / 2) * 1e9
        local column = random(columns) + 1
        local what = random(24)
        if what < 7 then p(n, "add", pcall(c.add, c, time, column, pick(values)))
        elseif what < 11 then p(n, "set", pcall(c.set, c, time, column, pick(values)))
        elseif what < 14 then p(n, "get", c:get(time, column), c:get_delta(time, column))
        elseif what < 15 then p(n, "range", c:get_range(column), c:get_range_delta(column))
        elseif what < 16 then
            local from = time - random(200) * 1e9
            p(n, "some", pcall(c.get_range, c, column, from, time))
            p(n, "some", pcall(c.get_range_delta, c, column, from))
        elseif what < 17 then p(n, "time", c:current_time())
        elseif what < 18 then
            p(n, "header", c:set_header(column, pick{"a", "b c", "0123456789abcdefgh", "ü", "x\0y"},
                pick{"", "count", "1234567890", "%"}, pick(aggregations)), c:get_header(column))
        elseif what < 20 then
            c:annotate(time, column, pick{"info", "alert"}, "note " .. n, pick{true, false})
        elseif what < 22 then c:format("cbufd") p(n, "deltas") inject_payload() add_to_payload(c)
        elseif what < 23 then c:format("cbuf") p(n, "all") add_to_payload(c)
        else
            local text = now .. " " .. random(9)
            for i = 1, rows * columns do text = text .. " " .. pick{"nan", "0", "1", "-1.5", "inf", "1e3"} end
            if random(2) == 0 then
                text = text .. " " .. (now - random(30))
                for i = 1, columns do text = text .. " " .. pick{"nan", "0", "7"} end
            end
            p(n, "fromstring", pcall(c.fromstring, c, text))
        end
    end
    inject_payload("txt", "r")
end
