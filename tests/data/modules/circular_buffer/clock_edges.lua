-- Times that overflow, lie before the epoch or are no numbers at all.
require "circular_buffer"
require "string"
local function p(...)
    for i = 1, select("#", ...) do
        local v = select(i, ...)
        add_to_payload(type(v) == "number" and string.format("%.17g", v) or tostring(v), " ")
    end
    add_to_payload("\n")
end
function process_message() return 0 end
function timer_event(ns, shutdown)
    if not shutdown then return end
    local c = circular_buffer.new(30000, 1, 86400)
    p("wrapped window", c:current_time(), c:get_configuration())
    inject_payload()
    add_to_payload(c:format("cbufd"))
    p(c:add(0, 1, 5), c:get(0, 1), c:current_time())
    add_to_payload(c)
    for _, start in ipairs{"1073741824 0", "-2 0", "-3 1", "-1 -1", "2147483647 2", "2147483648 2",
            "4294967295 1", "99999999999999999999999 -1", "-99999999999999999999999 7", "0 0", "1 4294967296"} do
        for _, seconds in ipairs{-1073741824, -1073741823, -4, -3, -2, -1, 0, 1, 2, 3, 1073741824, 2147483647,
                2147483648, -2147483648, -2147483649, 4294967295, 4294967296, 4294967297, 9.2e9, 9.3e9, 1/0, -1/0,
                0/0, 1e300} do
            c = circular_buffer.new(3, 1, 1)
            c:fromstring(start .. " 1 2 3")
            p(start, seconds, c:get(seconds * 1e9, 1), c:add(seconds * 1e9, 1, 1), c:current_time())
            add_to_payload(c)
        end
        c = circular_buffer.new(4, 1, 60)
        c:fromstring(start .. " 1 2 3 4")
        for _, seconds in ipairs{-121, -120, -61, -60, -59, -1, 0, 59, 60, 119, 120, 179, 180, 239, 240} do
            p(c:get(seconds * 1e9, 1), c:set(seconds * 1e9, 1, seconds))
        end
        add_to_payload(c)
        local range = c:get_range(1)
        p(range and #range)
    end
    inject_payload("txt", "r")
end
