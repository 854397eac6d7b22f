require "rjson"

-- documents, references and iterators over several calls; none of them is preserved
document = rjson.parse('{"list":[1,2,3],"name":"kept"}')
list = document:find("list")
schema = rjson.parse_schema('{"required":["name"]}')
steps = document:iter()
count = 0
local seen = {}

function process_message()
    count = count + 1
    if not pcall(document.type, document, list) then
        document:parse('{"list":[1,2,3],"name":"again","more":true}')
        list = document:find("list")
        steps = document:iter()
    end
    add_to_payload(document:validate(schema), " ", document:size(list), " ", document:value(document:find("name")), "\n")
    local k, v = steps()
    add_to_payload(k, " ", v and document:type(v), "\n")
    seen[list] = (seen[list] or 0) + 1
    if v then seen[v] = seen[v] or 100 end
    local taken = document:remove_shallow(list, 0)
    add_to_payload(taken and document:value(taken), " ", document, " ", seen[list], "\n")
    inject_payload("txt", "message")
    return 0
end

function timer_event()
    local names = 0
    for _ in pairs(seen) do names = names + 1 end
    add_to_payload(document, " ", names, "\n")
    document:parse('{"name":[' .. count .. ']}')
    add_to_payload(document, " ", pcall(document.type, document, list))
    inject_payload("txt", "timer")
end
