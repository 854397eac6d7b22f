function process_message()
    return 0
end

function timer_event(ns, shutdown)
    print("tick")
    add_to_payload("a")
    print("half")
    inject_payload("txt", "a")
end
