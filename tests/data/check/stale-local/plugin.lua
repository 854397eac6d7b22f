_PRESERVATION_VERSION = 1
counts = {}
local t = counts

function process_message()
    t.n = (t.n or 0) + 1
    local inside = counts
    inside.m = 1
    return 0
end

function timer_event(ns, shutdown)
end
