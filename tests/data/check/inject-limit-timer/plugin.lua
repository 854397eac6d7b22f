function process_message()
    inject_message({Payload = "x"})
    return 0
end

function timer_event(ns, shutdown)
    inject_payload("txt", "x", "y")
end
