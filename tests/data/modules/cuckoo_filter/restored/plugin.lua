require "cuckoo_filter"
require "math"
filter = cuckoo_filter.new(1000)
function process_message()
    inject_payload("txt", "restored", filter:count(), " ", filter:query("k7"), " ", filter:query("k301"), " ", type(moved), " ", moved and moved[1]:count(), " ", odd and odd[1]:count(), " ", odd and odd[2]:count())
    return 0
end
function timer_event(ns, shutdown)
    if not shutdown then return end
    math.randomseed(8)
    for i = 300, 340 do filter:add(i) filter:delete("k" .. i - 100) end
    moved[1]:add("more") odd = nil
    inject_payload("txt", "result", filter:count())
end
