function process_message()
    output("x")
    return 0
end

function timer_event(ns, shutdown)
end
