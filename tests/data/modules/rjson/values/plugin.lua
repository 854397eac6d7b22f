require "rjson"

local function line(label, ...)
    add_to_payload(label, ":")
    for i = 1, select("#", ...) do
        local v = select(i, ...)
        add_to_payload(" ", type(v) == "userdata" and "<ref>" or type(v) == "function" and "<function>" or tostring(v))
    end
    add_to_payload("\n")
end
local function try(label, f, ...) line(label, pcall(f, ...)) end

function process_message()
    line("version", rjson.version())
    for k, v in pairs(rjson) do line("module", k, type(v)) end
    local d = rjson.parse('{"a":{"b":[10,"s",true,null,{"c":1.5},false,[]]},"e":{},"n":-7,"dup":1,"dup":2}')
    for k, v in pairs(getmetatable(d)) do line("method", k, type(v)) end
    line("type", type(d), type(rjson.parse_schema("{}")))
    add_to_payload(d, "\n")
    local b = d:find("a", "b")
    for i = 0, 8 do
        local v = d:find(b, i)
        line("element", i, d:type(v), v and pcall(d.value, d, v))
        try("size", d.size, d, v)
        try("iter", d.iter, d, v)
    end
    for _, i in ipairs({-1, 0.5, 6.9, 4294967296, 4294967301, -4294967295, 2^53 + 2, 1e300, -1e300, 1/0, 0/0, 7}) do
        line("index", tostring(i) ~= "" and d:type(d:find(b, i)))
    end
    line("dup", d:value(d:find("dup")), d:size())
    line("same", d:find("a") == d:find("a"), d:find("a") == d:find("e"), d:find() == d:find(), d:find(d:find("a"), "b") == b)
    line("number as name", d:find(1), d:find("a", 1), d:find("n", 1), d:find("n", "x"))
    line("name with a nul", d:type(d:find("a\0x")), d:type(d:find("a", "b\0", 1)))
    line("string index", d:find("a", "b", "0"))
    line("keys of no kind", d:find(nil), d:find(true), d:find("a", {}), d:find("a", nil), d:find(print))
    line("nil", d:type(nil), d:value(nil), d:size(nil), d:iter(nil), d:make_field(nil))
    local text = '  \t\r\n [ 1 , { } , [ ] , "x" , { "k" : [ true , false , null ] } ] \n '
    add_to_payload(rjson.parse(text), "\n")
    for _, it in ipairs({"null", "true", "false", "0", '""', "[]", "{}", "[[[]]]", '"text"', "\0", "1\0garbage", "{}\0["}) do
        local ok, r = pcall(rjson.parse, it)
        line("root", ok, ok and r:type() or r)
        if ok then add_to_payload(r, "\n") end
    end
    inject_payload("txt", "values")
    return 0
end

function timer_event() end
