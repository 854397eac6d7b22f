-- Argument checks: numbers, names, texts and their order.
require "circular_buffer"
require "string"
local function p(...)
    for i = 1, select("#", ...) do add_to_payload(tostring((select(i, ...))), " ") end
    add_to_payload("\n")
end
local function attempt(f, ...)
    local r = {pcall(f, ...)}
    if not r[1] then r[2] = string.gsub(tostring(r[2]), "^[^:]*:%d+: ", "AT ") end
    p(unpack(r))
end
function process_message() return 0 end
function timer_event(ns, shutdown)
    if not shutdown then return end
    local c = circular_buffer.new(2, 2, 1)
    local methods = {"add", "set", "get", "get_delta", "get_range", "get_range_delta", "set_header", "get_header",
        "get_configuration", "current_time", "annotate", "format", "fromstring", "__gc", "__index"}
    local values = {1, "1", "x", 1e300, {}, "cbufd"}
    for _, m in ipairs(methods) do
        p(m, type(c[m]))
        if m ~= "__index" then
            -- No tail calls: they hide names.
            attempt(function() local r = c[m]() return r end)
            attempt(function() local r = c[m](nil) return r end)
            attempt(function() local r = c[m](c) return tostring(r):sub(1, 8) end)
            attempt(c[m], {})
            attempt(c[m], "x", 1, 1, 1, 1)
            for _, a in ipairs(values) do
                attempt(function() local r = c[m](c, a) return type(r) end)
                attempt(c[m], a, 0, 1, 1)
                for _, b in ipairs(values) do
                    attempt(c[m], c, a, b, nil)
                    attempt(c[m], c, a, b, 2)
                    attempt(c[m], c, 1, a, b, b)
                end
            end
            attempt(function() local r = c[m](c, 1, 1, "info", {}) return type(r) end)
            attempt(function() local r = c[m](c, 1, 1, "info", "x", 1) return type(r) end)
            attempt(function() local r = c[m](c, 1, 1, "warn", "x", 1) return type(r) end)
            attempt(function() local r = c[m](c, 99e9, 3, 1) return type(r) end)
            p(c:current_time())
        end
    end
    attempt(function() c:add() end)
    attempt(function() c.add() end)
    attempt(function() c:add(1, 1, {}) end)
    attempt(function() c:add({}, 1, {}) end)
    attempt(function() c:format("x") end)
    attempt(function() c:format("cbuf", 1) end)
    attempt(function() ("x").rep(c) end)
    attempt(function() circular_buffer.add(c) end)
    attempt(function() c.add({}, 1, 1, 1) end)
    attempt(function() local a = c.add a({}, 1, 1, 1) end)
    for _, a in ipairs{0, 1, 2, 1.9, 2.9, 256, 257, 4294967298, -1, "2", "x", 0/0, 1e300} do
        attempt(function() circular_buffer.new(a, 1, 1) end)
        attempt(function() circular_buffer.new(2, a, 1) end)
        attempt(function() circular_buffer.new(2, 1, a) end)
    end
    attempt(circular_buffer.new)
    attempt(circular_buffer.new, 2, 2)
    attempt(circular_buffer.new, 2, 2, 2, 2)
    attempt(circular_buffer.new, 1e6, 256, 1)
    p(circular_buffer.version())
    c = circular_buffer.new(2, 1, 1)
    attempt(c.add, c, 0, 1, 1/0)
    attempt(c.add, c, 0, 1, -1/0)
    p(c:get(0, 1), c:get_delta(0, 1))
    attempt(c.add, c, 0, 1, 1)
    attempt(c.add, c, 0, 1, 0/0)
    attempt(c.set, c, 0, 1, 0/0)
    p(c:get(0, 1), c:get_delta(0, 1))
    inject_payload("txt", "r")
end
