local read = read_message

function process_message()
    local a = read("Fields[a]", 0, 1)
    local b = read_message("timestamp")
    local c = read("docType")
    return 0
end

function timer_event(ns, shutdown)
end
