local floor = math.floor
local f = io.open("/etc/passwd")
local chunk = loadstring and loadstring("return 1")
local bytes = encode_message({Payload = floor(1.5)})

function process_message()
    return 0
end

function timer_event(ns, shutdown)
end
