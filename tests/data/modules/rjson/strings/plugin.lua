require "rjson"
require "string"

local function hex(s) return (s:gsub(".", function(c) return string.format("%02x", c:byte()) end)) end
local function show(text)
    for _, validate in ipairs({false, true}) do
        local ok, d = pcall(rjson.parse, text, validate)
        if ok then
            add_to_payload(hex(text), " ", validate, " ", d:size(), " ", hex(d:value()), " ", d, "\n")
        else
            add_to_payload(hex(text), " ", validate, " ", d, "\n")
        end
    end
end

local texts = {
    '""', '"a"', '"a b"', [["\"\\\/\b\f\n\r\t"]], [["\u0000"]], [["\u001f\u007f\u0080"]], [["\u00e9\u07ff\u0800\uffff"]], [["\uD83D\uDE00"]], [["\ud83d\ude00x"]],
    [["\ud83d"]], [["\ud83dx"]], [["\ud83d\n"]], [["\ud83d\u0041"]], [["\ud83d\ud83d"]], [["\ud83d\u12"]], [["\udc00"]], [["\udfffx"]], [["\u12"]], [["\u12g4"]], [["\u"]], [["\x41"]], [["\ "]], [["\]], [["\U0041"]], [["\'"]],
    '"\127"', '"\1"', '"\31"', '"\n"', '"tab\t"', '"abc', '"abcdefgh\1ijkl"', '"abcdefghijklmnop\\nq"', '"0123456\\"89"',
    '"\128"', '"\195\169"', '"\195"', '"\195x"', '"\226\130\172"', '"\226\130"', '"\226\130x"', '"\240\159\152\128"', '"\240\159\152"', '"\240\128\128\128"', '"\192\128"', '"\193\191"',
    '"\224\128\128"', '"\224\159\191"', '"\224\160\128"', '"\237\159\191"', '"\237\160\128"', '"\237\191\191"', '"\238\128\128"', '"\244\143\191\191"', '"\244\144\128\128"', '"\245\128\128\128"', '"\255"', '"\254"', '"a\255\\x"', '"a\\x\255"', '"ok\195\169\237\160\128"', '"\239\191\191"', '"\239\187\191"', '\239\187\191"bom"',
    '"\\u00e9\195\169\\u20ac"', '"\226\130\172\1"', '"\226\130\1"',
}

function process_message()
    for _, text in ipairs(texts) do show(text) end
    for byte = 1, 255 do show('"' .. string.char(byte) .. '"') end
    inject_payload("txt", "strings")
    local d = rjson.parse([[{"":1,"a\u0062":2,"a\u0000b":3,"\ud83d\ude00":4,"\u00e9":"\u20ac","k\"\\\/":5}]])
    for k, v in d:iter() do add_to_payload(hex(k), " ", d:type(v), " ", tostring(d:find(k) == v), "\n") end
    add_to_payload(d, "\n", d:value(d:find("")), " ", d:value(d:find("ab")), " ", d:type(d:find("a")), " ", d:value(d:find("\195\169")), "\n")
    local long = ("x"):rep(70000)
    d = rjson.parse('["' .. long .. '\\n' .. long .. '","' .. long .. '"]')
    add_to_payload(d:size(d:find(0)), " ", d:size(d:find(1)), " ", tostring(d:value(d:find(1)) == long), "\n")
    inject_payload("txt", "keys")
    return 0
end

function timer_event() end
