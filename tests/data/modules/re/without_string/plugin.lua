-- re loads where the script has not required string; what it does with texts then fails in its own words.
local re = require "re"

function process_message() return 0 end

function timer_event(ns, shutdown)
    if not shutdown then return end
    add_to_payload(re.match("key 12", "{%a+} ' ' {%d+}"), "\n")
    add_to_payload(tostring(re.find("key 12", "%D")), "\n")
    add_to_payload(tostring(pcall(re.match, "aa", "{:x: 'a' :} =x")), "\n")
    add_to_payload(tostring(pcall(re.compile, ")")), "\n")
    inject_payload("txt", "result")
end
