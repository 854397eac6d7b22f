require "string"
require "lpeg"

_PRESERVATION_VERSION = 1
count = 0
pattern = lpeg.C(lpeg.R"az"^1) / "<%1>"
holder = {pattern = pattern, name = "kept"}

function process_message()
    count = count + 1
    holder.found = pattern:match("abc1")
    return 0
end

function timer_event(ns, shutdown)
    if not shutdown then return end
    add_to_payload(count, " ", holder.found, " ", type(pattern), "\n")
    add_to_payload(pcall(add_to_payload, pattern))
    inject_payload("txt", "result")
end
