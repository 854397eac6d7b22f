function process_message()
    local f = function() return 0 end
    f()
    return
end

function timer_event(ns, shutdown)
end
