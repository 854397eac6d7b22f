require "rjson"
require "string"

local reused = rjson.parse("[]")

function process_message()
    for _, f in ipairs({rjson.parse_message, function(...) return reused:parse_message(...) end}) do
        for _, name in ipairs({"Payload", "Fields[g]"}) do
            for _, validate in ipairs({false, true}) do
                for element = 0, 1 do
                    local ok, d = pcall(f, name, 0, element, validate)
                    if ok then
                        local whole = {}
                        add_to_payload(d:type(), " ", d:type() ~= "null" and d:size())
                        local rows = d:type() == "object" and d:find("rows")
                        if rows then
                            add_to_payload(" ", d:size(rows), " ", d:value(d:find(rows, 1499, "name")), " ", d:value(d:find(rows, 1499, "v", 1)))
                        elseif d:size() < 100 then
                            add_to_payload(" ", d, " ")
                        end
                        add_to_payload("\n")
                    else
                        add_to_payload(d, "\n")
                    end
                end
            end
        end
    end
    inject_payload("txt", "compressed")
    return 0
end

function timer_event() end
