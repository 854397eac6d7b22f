require "rjson"
require "string"

local texts = {
    "", " ", "\n\t\r ", "\v", "x", "[", "]", "{", "}", ",", ":", "[1", "[1,", "[1,]", "[,1]", "[1 2]", "[1}", "[1:2]", "{]", "{1:2}", "{a:1}", "{'a':1}", '{"a"', '{"a" 1}', '{"a":', '{"a":}', '{"a":1', '{"a":1,', '{"a":1,}', '{"a":1 "b":2}', '{"a":1]', '{"a":1,,"b":2}', '{,}',
    "n", "nu", "nul", "nulL", "null", "nulll", "t", "tr", "tru", "truE", "true", "truee", "f", "fa", "fal", "fals", "falsE", "false", "falsee", "[null", "[nul]", "[tru,1]", "[fals",
    "1 1", "[] []", "{} x", '"a" "b"', "[1] ]", "[] //x", "/*x*/ []", "// x\n[]", "[1] \0 x", "\0", " \0",
    '["a', '["a\\', '["a\\u00', '["a\\q"]', '["a\\ud800"]', '{"a\nb":1}', '{"a":"b\nc"}', '{"a', '{"\\u12x4":1}', "[1e]", "[1.]", "[1.x]", "[-]", "[- 1]", "[1e999]", "[1, 1e400]", '{"a":[1,{"b":[2,3,{"c":x}]}]}',
    "\255", "[\255]", "\239\187\191[]",
}

function process_message()
    for _, text in ipairs(texts) do
        for _, f in ipairs({rjson.parse, rjson.parse_schema}) do
            local ok, r = pcall(f, text)
            add_to_payload(text:gsub("[^\32-\126]", "."), " -> ", ok and "ok" or r, "\n")
        end
        local d = rjson.parse("[1]")
        local ok, r = pcall(d.parse, d, text)
        add_to_payload("again ", ok and "ok" or r, " ", d:type(), "\n")
    end
    -- every way to cut a document short, and every byte of it replaced
    local text = '{"a" : [1, -2.5e+3 ,"x\\u00e9\\n", true] , "b":{ "c":null}}'
    for i = 0, #text do
        local ok, r = pcall(rjson.parse, text:sub(1, i))
        add_to_payload(i, " ", ok and "ok" or r, "\n")
    end
    for i = 1, #text do
        for _, c in ipairs({"x", '"', "\\", "}", "]", "0", " ", "\1"}) do
            local ok, r = pcall(rjson.parse, text:sub(1, i - 1) .. c .. text:sub(i + 1))
            add_to_payload(i, " ", ok and "ok" or r, "\n")
        end
    end
    local deep = ("["):rep(5000) .. ("]"):rep(5000)
    local d = rjson.parse(deep)
    add_to_payload(d:size(), " ", pcall(rjson.parse, deep .. "]"))
    add_to_payload("\n", #deep, "\n")
    inject_payload("txt", "errors")
    return 0
end

function timer_event() end
