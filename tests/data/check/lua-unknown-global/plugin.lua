local seen = {}

function process_message()
    seen[count] = true
    log.info("x")
    by_type[1] = 2
    total = (total or 0) + 1
    return 0
end

function timer_event(ns, shutdown)
end
