-- What `fromstring` makes of text that no state file holds.
require "circular_buffer"
require "string"
function process_message() return 0 end
function timer_event(ns, shutdown)
    if not shutdown then return end
    for _, text in ipairs{"", " ", "x", "1", "1 2", "1 2 3 4", "1 2 3 4 5", "2 2 3 4 5 2 7", "2 2 3 4 5 1 2 2 3 0 4",
            "2 2 3 4 5 1 7 8", "1 2 3 zz 5 1 zz", "1 2 3 4 5 zz", "1 2 3 4 5 2 zz", "1 2 3 4 5 2 6 zz",
            " -5 \t-7 1 .5\n-.5e3\0 5", "0 0 0x10 infinity -inf", "0 0 nan -nan nan(5)", "0x5 1 2 3 4", "1.5 2 3 4 5 6",
            "1,2,3,4,5", "1 2 1e400 -1e400 1e-400", "1 2 3 4 5 nan 7 inf 8 -inf 9 1e30 1",
            "+1 +2 +3 +4 +5", "1 2 3 4 5 0.9e0 7", "\11\12\13 1 2 3 4 5"} do
        local c = circular_buffer.new(3, 1, 1)
        c:add(0, 1, 7)
        local ok, err = pcall(c.fromstring, c, text)
        add_to_payload(string.format("%q", text), " ", tostring(ok), " ", tostring(err), "\n", c)
        inject_payload()
        add_to_payload(c:format("cbufd"))
        ok, err = pcall(function() c:fromstring(text) end)
        add_to_payload(string.gsub(tostring(err), "^[^:]*:%d+: ", "AT "), "\n")
    end
    inject_payload("txt", "r")
end
