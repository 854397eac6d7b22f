require "bloom_filter"
filter = bloom_filter.new(400, 0.01)
function process_message()
    inject_payload("txt", "restored", filter:count(), " ", filter:query("k7"), " ", filter:query("k301"), " ", type(other))
    return 0
end
function timer_event(ns, shutdown)
    if not shutdown then return end
    filter:add("one more") other = nil
    inject_payload("txt", "result", filter:count())
end
