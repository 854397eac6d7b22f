require "string"
require "hyperloglog"
function process_message() return 0 end
function timer_event(ns, shutdown)
    if not shutdown then return end
    local h = hyperloglog.new()
    for i = 1, 5 do h:add(i) end
    add_to_payload("before", h, h, "after")
    inject_payload("bin", "two")
    h:count()
    inject_payload("bin", "one", h)
    inject_message({Payload = tostring(h), Fields = {sketch = {value = h, representation = "hll"}}})
    for room = 12303, 12306 do
        inject_message({Payload = "a new buffer"})
        add_to_payload(string.rep("x", 65536 - room))
        local ok, err = pcall(add_to_payload, h)
        inject_message({Payload = room .. " bytes: " .. tostring(ok) .. " " .. tostring(err)})
    end
    for i = 1, 10 do add_to_payload(h) end
end
