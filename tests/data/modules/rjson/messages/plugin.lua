require "rjson"
require "string"

local function printable(s) return (tostring(s):gsub("[^\32-\126]", ".")) end
local function show(label, ok, d)
    add_to_payload(label, " ")
    if ok then add_to_payload(d, "\n") else add_to_payload(printable(d), "\n") end
end

local reused = rjson.parse("[]")

function process_message()
    add_to_payload(printable(read_message("Payload")), "\n")
    show("payload", pcall(rjson.parse_message, "Payload"))
    show("validated", pcall(rjson.parse_message, "Payload", nil, nil, true))
    show("field", pcall(rjson.parse_message, "Fields[f]"))
    show("field", pcall(rjson.parse_message, "Fields[f]", 0, 0, true))
    show("element", pcall(rjson.parse_message, "Fields[f]", 1, 1))
    show("reused", pcall(reused.parse_message, reused, "Payload"))
    show("reused", pcall(reused.parse_message, reused, "Fields[f]", 1, 2, false))
    inject_payload("txt", "message")
    local ok, d = pcall(rjson.parse_message, "Payload")
    if ok then
        inject_message({Type = "field", Fields = {{name = "json", value = d:make_field()}, {name = "raw", value = d}}})
        local first = d:find("a") or d:find(0) or d:find()
        inject_message({Type = "part", Fields = {part = d:make_field(first), missing = d:make_field(d:find("zz"))}})
        local taken = d:remove("a")
        if taken then inject_message({Type = "taken", Fields = {taken = taken:make_field(), rest = d:make_field()}}) end
    end
    return 0
end

function timer_event()
    show("timer", pcall(rjson.parse_message, "Payload"))
    show("timer", pcall(reused.parse_message, reused, "Payload"))
    show("cleared", true, reused)
    inject_payload("txt", "timer")
end
