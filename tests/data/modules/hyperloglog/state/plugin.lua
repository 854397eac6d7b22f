require "hyperloglog"
require "string"
require "xxhash"
h = hyperloglog.new()
nested = {["a\n\"key\""] = {hyperloglog.new()}}
same = h
local hidden = hyperloglog.new()
function process_message() return 0 end
function timer_event(ns, shutdown)
    if not shutdown then return end
    for i = 1, 3000 do h:add("key " .. i) hidden:add(i) end
    nested["a\n\"key\""][1]:add(0 / 0)
    h:count()
    h:add("one more key")
    inject_payload("txt", "result", h:count(), " ", nested["a\n\"key\""][1]:count())
end
