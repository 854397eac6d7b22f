-- Where a payload ends that does not fit the output limit.
require "circular_buffer"
require "string"
function process_message() return 0 end
function timer_event(ns, shutdown)
    if not shutdown then return end
    local left = {}
    for fill = 1600, 2044 do
        local c = circular_buffer.new(4, 2, 60)
        c:add(0, 1, 1.5) c:add(0, 2, 2) c:add(60e9, 1, -1/0) c:set(180e9, 2, 1/3)
        c:annotate(0, 1, "info", "some text") c:annotate(60e9, 2, "alert", "more")
        if fill % 2 == 0 then c:format("cbufd") end
        add_to_payload(string.rep("x", fill))
        local ok = pcall(add_to_payload, c)
        -- Injecting needs more room than is left: the length tells how far it came.
        local n = 0
        while pcall(add_to_payload, "y") do n = n + 1 end
        left[#left + 1] = fill .. " " .. tostring(ok) .. " " .. n .. " "
            .. tostring(c:get_delta(0, 1)) .. " " .. tostring(c:get_delta(180e9, 2)) .. "\n"
        pcall(inject_message, {Type = "x"})
    end
    for i = 1, #left, 40 do
        for j = i, i + 39 do if left[j] then add_to_payload(left[j]) end end
        inject_payload("txt", "r")
    end
end
