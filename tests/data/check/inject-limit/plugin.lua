local inject_message = inject_message

local function report(n)
    inject_message({Payload = tostring(n)})
end

function process_message()
    pcall(function() report(1) end)
    add_to_payload("x")
    inject_payload()
    return 0
end

function timer_event(ns, shutdown)
    report(2)
end
