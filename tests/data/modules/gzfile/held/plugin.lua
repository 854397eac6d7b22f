require "string"
require "table"
local function show(v)
    if type(v) == "string" then
        return '"' .. v:gsub("[^\32-\126]", function(c) return string.format("\\%03d", c:byte()) end) .. '"'
    elseif type(v) == "number" then
        return string.format("%.17g", v)
    end
    return type(v) == "boolean" and tostring(v) or type(v)
end
local function line(label, ...)
    local out = {}
    for i = 1, select("#", ...) do out[i] = show((select(i, ...))) end
    add_to_payload(label, ": ", table.concat(out, " "), "\n")
end
local function try(label, f, ...) line(label, pcall(f, ...)) end
local seed = 42
local function random(n)
    seed = (seed * 1103515245 + 12345) % 2147483648
    return math.floor(seed / 65536) % n
end
require "gzfile"
file = gzfile.open("log.gz")
lines = file:lines()
left = gzfile.open("log.gz")

-- A file stays open from call to call; one that is dropped is closed with the garbage.
function process_message()
    line("message", lines())
    left = nil
    local _ = collectgarbage and collectgarbage()
    inject_payload("txt", "message")
    return 0
end

function timer_event(ns, shutdown)
    line("timer", lines())
    if shutdown then file:close() end
    inject_payload("txt", "result")
end
