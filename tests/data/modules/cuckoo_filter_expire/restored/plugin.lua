require "cuckoo_filter_expire"
require "math"
filter = cuckoo_filter_expire.new(300, 5)
function process_message()
    add_to_payload("restored ", filter:count(), " ", odd and odd[1]:count())
    local time, interval = filter:current_interval()
    add_to_payload(" ", time, " ", interval)
    for _, i in ipairs{1, 7, 100, 199, 200, 201} do
        local found, interval = filter:query("k" .. i)
        add_to_payload(" ", tostring(found), " ", tostring(interval))
    end
    inject_payload("txt", "restored")
    return 0
end
function timer_event(ns, shutdown)
    if not shutdown then return end
    for i = 150, 260 do
        local added, delta = filter:add("k" .. i, 1e18 + i * 1e11)
        add_to_payload(tostring(added), " ", tostring(delta), "\n")
    end
    odd = nil
    inject_payload("txt", "result")
end
