require "rjson"
require "string"

local function line(label, ...)
    add_to_payload(label, ":")
    for i = 1, select("#", ...) do
        local v = select(i, ...)
        add_to_payload(" ", type(v) == "userdata" and "<ref>" or tostring(v))
    end
    add_to_payload("\n")
end
local function try(label, f, ...) line(label, pcall(f, ...)) end

function process_message()
    local d = rjson.parse("[1]")
    for _, f in ipairs({rjson.parse_message, function(...) return d:parse_message(...) end}) do
        try("none", f)
        try("number", f, 5)
        try("table", f, {})
        try("nil", f, nil)
        try("five", f, "Payload", 0, 0, true, 1)
        for _, name in ipairs({"Payload", "Payload\0x", "payload", "Fields[]", "Fields[js]", "Fields[js", "Fields", "Fields[multi]", "Fields[i]", "Fields[y]", "Fields[s]", "Fields[novalue]", "Fields[empty]", "Fields[strnone]", "Fields[with]bracket]", "Type", "raw", "Uuid"}) do
            for field = 0, 1 do
                for element = 0, 1 do
                    local ok, r = pcall(f, name, field, element)
                    add_to_payload(name, " ", field, " ", element, " ")
                    if ok then add_to_payload(r, "\n") else add_to_payload(r, "\n") end
                end
            end
        end
        try("negative field", f, "Payload", -1)
        try("negative element", f, "Payload", 0, -1)
        try("no number", f, "Payload", "x")
        try("no number", f, "Payload", 0, {})
        try("numeric string", f, "Fields[multi]", "0", "1")
        try("switch", f, "Payload", 0, 0, "yes")
    end
    inject_payload("txt", "shared")
    return 0
end

function timer_event() end
