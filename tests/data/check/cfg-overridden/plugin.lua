function process_message()
    return 0
end

function timer_event(ns, shutdown)
end
