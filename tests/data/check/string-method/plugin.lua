function process_message()
    local name = read_message("Type"):upper()
    return 0
end

function timer_event(ns, shutdown)
end
