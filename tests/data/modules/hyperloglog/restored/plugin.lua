require "hyperloglog"
require "string"
require "xxhash"
h = hyperloglog.new()
same = h
function process_message()
    inject_payload("txt", "restored", h:count(), " ", h == same, " ", type(nested), " ", nested and nested["a\n\"key\""][1]:count(),
        " ", string.format("%.0f", xxhash.h64(tostring(h))))
    return 0
end
function timer_event(ns, shutdown)
    if not shutdown then return end
    for i = 2000, 4000 do h:add("key " .. i) end
    nested = nil
    inject_payload("txt", "result", h:count())
end
