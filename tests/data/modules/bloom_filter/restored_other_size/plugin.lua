require "bloom_filter"
function process_message() return 0 end
function timer_event(ns, shutdown)
    if not shutdown then return end
    inject_payload("txt", "restored", type(filter), filter and filter:count())
end
