require "rjson"
require "string"
require "table"

local function line(label, ...)
    add_to_payload(label, ":")
    for i = 1, select("#", ...) do
        local v = select(i, ...)
        add_to_payload(" ", type(v) == "userdata" and "<ref>" or tostring(v))
    end
    add_to_payload("\n")
end
local function try(label, f, ...) line(label, pcall(f, ...)) end

local function basics()
    local d = rjson.parse('{"a":{"b":[1,2,3,4,5]},"c":"keep","d":5,"e":[{"x":1},{"y":"a string that is long"}]}')
    try("root", d.remove, d)
    try("root by reference", d.remove, d, d:find("a"))
    try("shallow root", d.remove_shallow, d)
    line("missing", d:remove("zzz"), d:remove("a", "zzz"), d:remove("a", "b", 9), d:remove("c", "x"), d:remove("a", 0), d:remove_shallow("d", 1))
    line("no key", d:remove("a", true), d:remove(true), d:remove({}), d:remove("a", nil))
    add_to_payload(d, "\n")
    local r = d:remove("a", "b")
    line("removed", r:type(), r:size(), r:value(r:find(1)))
    add_to_payload(r, " from ", d, "\n")
    line("passed over", r:remove(nil, 0) ~= nil, r:remove(true, false, 0) ~= nil)
    add_to_payload(r, "\n")
    local rr = r:remove(1)
    add_to_payload(rr, " from ", r, "\n")
    r = d:remove("e")
    add_to_payload(r, " from ", d, "\n")
    local s = r:remove_shallow(1)
    line("shallow", r:type(s), r:size(s), r:value(r:find(s, "y")))
    line("output", pcall(add_to_payload, r, s))
    inject_message({Type = "shallow", Fields = {{name = "s", value = s, userdata = r}, {name = "r", value = r}}})
    add_to_payload(r, "\n")
    s = r:remove_shallow(s, "y")
    line("shallow of shallow", r:value(s))
    local kept = {}
    for i = 1, 20 do
        local d = rjson.parse("[0,1,2,3,4,5,6,7,8,9]")
        for n = 1, 10 do kept[n] = d:remove_shallow(0) end
        if i == 20 then
            for n = 1, 10 do add_to_payload(d:value(kept[n]), ",") end
            add_to_payload(d, "\n")
            d:parse("1")
            try("after parse", d.value, d, kept[3])
        end
    end
end

-- references to places whose values have moved
local function moved()
    local d = rjson.parse('{"list":[0,1,2,3,4],"map":{"a":1,"b":2,"c":3,"d":4}}')
    local list, map = d:find("list"), d:find("map")
    local at = {}
    for i = 0, 4 do at[i] = d:find(list, i) end
    local of = {}
    for _, k in ipairs({"a", "b", "c", "d"}) do of[k] = d:find(map, k) end
    local function show(label)
        add_to_payload(label, " ")
        for i = 0, 4 do
            local ok, r = pcall(d.value, d, at[i])
            add_to_payload(ok and tostring(r) or "invalid", " ")
        end
        for _, k in ipairs({"a", "b", "c", "d"}) do
            local ok, r = pcall(d.value, d, of[k])
            add_to_payload(ok and tostring(r) or "invalid", " ")
        end
        add_to_payload(d, "\n")
    end
    show("start")
    d:remove(list, 1)
    show("remove 1")
    d:remove(map, "b")
    show("remove b")
    d:remove_shallow(list, 3)
    show("remove 3")
    d:remove(map, "c")
    show("remove c")
    local again = d:find(list, 1)
    line("again", again == at[1], d:value(again), d:value(at[1]))
    d:remove(list, 0)
    d:remove(list, 0)
    show("remove 0 0")
    d:remove(list, 0)
    show("remove 0")
    line("empty", d:size(list), d:remove(list, 0))
    d:remove(map, "a")
    show("remove a")
    d:remove(map, "d")
    show("remove d")
    line("empty", d:size(map), d:remove(map, "d"))
    local whole = d:remove("list")
    show("remove list")
    try("list", d.type, d, list)
    try("map", d.type, d, map)
    add_to_payload(whole, "\n")
end

local function random_removals()
    local seed = 4242
    local function random(n)
        seed = (seed * 16807) % 2147483647
        return seed % n
    end
    for round = 1, 30 do
        local parts = {}
        for i = 1, 3 + random(12) do
            local v = ({'1', '"s' .. i .. '"', '[1,[2,3],{"q":null}]', '{"x":{"y":[true,1.5]}}', 'null'})[1 + random(5)]
            parts[i] = round % 2 == 0 and v or string.format('"k%d":%s', i, v)
        end
        local text = table.concat(parts, ",")
        local d = rjson.parse(round % 2 == 0 and "[" .. text .. "]" or "{" .. text .. "}")
        local taken = {}
        for _ = 1, 6 do
            local key = random(#parts + 1)
            if round % 2 == 1 then key = "k" .. key end
            if random(2) == 0 then
                local r = d:remove(key)
                add_to_payload(key, " ")
                if r then add_to_payload(r, " ") end
            else
                local r = d:remove_shallow(key)
                add_to_payload(key, " ", r and d:type(r) or "nil", " ")
                if r then taken[#taken + 1] = r end
            end
            add_to_payload(d, "\n")
        end
        for _, r in ipairs(taken) do
            inject_message({Type = "taken", Fields = {{name = "v", value = r, userdata = d}}})
        end
    end
end

function process_message()
    local results = {}
    basics()
    inject_payload("txt", "basics")
    moved()
    inject_payload("txt", "moved")
    random_removals()
    inject_payload("txt", "random")
    return 0
end

function timer_event() end
