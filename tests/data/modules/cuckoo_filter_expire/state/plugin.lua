require "cuckoo_filter_expire"
require "math"
filter = cuckoo_filter_expire.new(300, 5)
odd = {cuckoo_filter_expire.new(600, 1440)}
same = odd[1]
function process_message() return 0 end
function timer_event(ns, shutdown)
    if not shutdown then return end
    for i = 1, 200 do filter:add("k" .. i, 1e18 + i * 1e11) end
    odd[1]:add("x", 1e18)
    pcall(odd[1].fromstring, odd[1], -5, "")
    inject_payload("txt", "result", filter:count())
end
