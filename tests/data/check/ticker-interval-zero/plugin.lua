function process_message()
    return 0
end

function timer_event(ns, shutdown)
    inject_payload("txt", "x", 1)
end
