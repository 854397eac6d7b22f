require "cjson"
require "string"
require "table"
local show
function show(v)
    if type(v) == "string" then return string.format("%q", v) end
    if type(v) == "table" then
        local parts = {}
        for k, it in pairs(v) do parts[#parts + 1] = show(k) .. "=" .. show(it) end
        return "{" .. table.concat(parts, " ") .. "}"
    end
    if type(v) == "userdata" then return v == cjson.null and "null" or "userdata" end
    if type(v) == "number" then return string.format("%.17g", v) end
    return tostring(v)
end
local function line(label, ok, ...)
    add_to_payload(label, ok and " ->" or " !!")
    for i = 1, select("#", ...) do add_to_payload(" ", show((select(i, ...)))) end
    add_to_payload("\n")
end
function try(label, f, ...) line(label, pcall(f, ...)) end
function process_message() return 0 end
function timer_event()
    run()
    inject_payload("txt", "x")
end
