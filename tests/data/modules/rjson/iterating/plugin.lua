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
    local d = rjson.parse('{"z":1,"a":[5,"x",null,[],{}],"m":{"q":true},"z":2,"e":{},"l":[]}')
    for k, v in d:iter() do line("member", k, d:type(v), d:find(k) == v) end
    for i, v in d:iter(d:find("a")) do line("element", i, d:type(v), d:find("a", i) == v) end
    for k in d:iter(d:find("e")) do line("never", k) end
    for k in d:iter(d:find("l")) do line("never", k) end
    for _, it in ipairs({"1", '"x"', "null", "true"}) do try(it, function() return rjson.parse(it):iter() end) end
    -- past the end
    local next_element = d:iter(d:find("a"))
    for _ = 1, 7 do line("next", next_element()) end
    local next_member = d:iter(d:find("m"))
    for _ = 1, 3 do line("next", next_member(1, 2, 3)) end
    -- what is removed while an iterator is under way
    local list, map = d:find("a"), d:find("m")
    local elements, members = d:iter(list), d:iter(map)
    line("first", elements())
    d:remove("a", 4)
    line("second", elements())
    d:remove("m", "q")
    line("a removed last member", members())
    line("end", members())
    d:remove("m")
    try("removed map", members)
    d:remove("a")
    try("removed list", elements)
    -- the last member moves into the first one's place
    d = rjson.parse('{"a":1,"b":2,"c":3,"d":4}')
    local steps = d:iter()
    line("step", steps())
    d:remove("b")
    line("step", steps())
    line("step", steps())
    -- a reparse
    d = rjson.parse('{"l":[1,2,3]}')
    local l = d:find("l")
    local it = d:iter(l)
    line("step", it())
    d:parse("[7,8,9,10]")
    try("reparsed", it)
    it = d:iter()
    line("step", it())
    d:parse("[1,2,3,4,5,6]")
    line("over the new root", it())
    line("over the new root", it())
    it = d:iter()
    pcall(d.parse, d, "[")
    try("null root", it)
    -- several iterators at once, nested
    d = rjson.parse('[[1,2],[3,[4,5]],{"a":[6],"b":{"c":7}}]')
    local function walk(v, depth)
        local t = d:type(v)
        if t == "array" or t == "object" then
            for k, w in d:iter(v) do
                add_to_payload((" "):rep(depth), k, " ", d:type(w), "\n")
                walk(w, depth + 1)
            end
        else
            add_to_payload((" "):rep(depth), d:value(v), "\n")
        end
    end
    walk(d:find(), 0)
    inject_payload("txt", "iterating")
    return 0
end

function timer_event() end
