-- Annotations are tables a script can reach, and whatever it does to them.
require "circular_buffer"
require "string"
require "table"
local function dump(v, seen)
    if type(v) ~= "table" then return type(v) == "userdata" and "userdata" or type(v) == "function" and "function"
        or tostring(v) end
    local out = {}
    for k, x in pairs(v) do out[#out + 1] = tostring(k) .. "=" .. dump(x) end
    return "{" .. table.concat(out, ", ") .. "}"
end
local function p(...)
    for i = 1, select("#", ...) do add_to_payload(dump((select(i, ...))), " ") end
    add_to_payload("\n")
end
local function attempt(f, ...)
    local r = {pcall(f, ...)}
    if not r[1] then r[2] = string.gsub(tostring(r[2]), "^[^:]*:%d+: ", "AT ") end
    p(unpack(r))
end
function process_message() return 0 end
function timer_event(ns, shutdown)
    if not shutdown then return end
    p(circular_buffer)
    local a, b = circular_buffer.new(5, 3, 60), circular_buffer.new(5, 3, 60)
    local function order()
        local names = {}
        for k in pairs(getmetatable(a)) do names[#names + 1] = k end
        return table.concat(names, " ")
    end
    p(order())
    a:annotate(0, 1, "info", "one")
    b:annotate(60e9, 2, "alert", "two", false)
    a:annotate(0, 3, "alert", "three", true)
    a:annotate(61e9, 3, "alert", "\0cut")
    a:annotate(121e9, 1, "info", "all \1\7\8\9\10\11\12\13\27\31 \127\128\255 / \\ \" é")
    a:annotate(239e9, 1, "info", "")
    a:annotate(300e9, 1, "info", "future")
    p(circular_buffer)
    add_to_payload(a, b)
    a:format("cbufd") b:format("cbufd")
    inject_payload() add_to_payload(a) inject_payload() add_to_payload(b) inject_payload() add_to_payload("gone\n", a)
    p(circular_buffer)
    a:annotate(0, 1, "info", "again", false)
    b:annotate(60e9, 2, "alert", "again", true)
    p(circular_buffer)
    b:annotate(60e9, 2, "alert", "keeps the mark", false)
    p(circular_buffer)
    a:add(300e9, 1, 1)
    add_to_payload(a:format("cbuf"))
    p(circular_buffer)
    a:add(3000e9, 1, 1)
    add_to_payload(a, b)
    p(circular_buffer)
    b.__gc(b)
    p(circular_buffer)
    b:annotate(60e9, 2, "alert", "anew")
    local c = circular_buffer.new(2, 1, 1)
    c:annotate(0, 1, "info", "c")
    p(circular_buffer)
    c:format("cbuf")
    local notes = circular_buffer[#circular_buffer]
    p(#circular_buffer)
    for i, broken in ipairs{1, "x", {}, {[1] = {}}, {[1] = {type = "", annotation = "x"}}, {[1] = {type = "x"}},
            {[1] = {annotation = 1, type = 2}}, {[1] = {annotation = "raw\n\"", type = "\0z"}},
            {[1] = {annotation = "a\0b", type = "multi"}, [2] = 7}, {[0] = {}}} do
        local mine = circular_buffer.new(2, 1, 1)
        mine:annotate(0, 1, "info", "mine")
        for k, v in pairs(circular_buffer) do
            if type(v) == "table" and v[0] and v[0][1] and v[0][1].annotation == "mine" then v[0] = broken end
        end
        attempt(add_to_payload, mine)
        attempt(function() add_to_payload(mine) end)
        mine:annotate(0, 1, "info", "repaired")
        attempt(add_to_payload, mine)
        mine.__gc(mine)
    end
    c.__gc(c)
    local d = circular_buffer.new(2, 1, 1)
    d:annotate(0, 1, "info", "d")
    local at
    for k, v in pairs(circular_buffer) do
        if type(v) == "table" and v[0] and v[0][1] and v[0][1].annotation == "d" then at = k end
    end
    circular_buffer[at] = {["1"] = {{type = "info", annotation = "text key"}}, [1.5] = {{type = "x", annotation = 7}},
        [-1] = {{type = "old", annotation = "old"}}}
    attempt(add_to_payload, d)
    p(circular_buffer)
    circular_buffer[at] = {x = {}}
    attempt(function() add_to_payload(d) end)
    circular_buffer[at] = 7
    attempt(add_to_payload, d)
    attempt(function() d:annotate(0, 1, "info", "x") end)
    circular_buffer[at] = setmetatable({}, {__index = function() error("indexed") end, __newindex = function() error("set") end})
    attempt(d.annotate, d, 0, 1, "info", "x")
    attempt(add_to_payload, d)
    local module = circular_buffer
    circular_buffer = nil
    attempt(add_to_payload, d)
    attempt(function() add_to_payload(d) end)
    attempt(function() d:annotate(0, 1, "info", "x") end)
    attempt(function() local r = module.new(2, 1, 1) return r:get(0, 1) end)
    attempt(d.__gc, d)
    add_to_payload(d)
    inject_payload("txt", "r")
end
