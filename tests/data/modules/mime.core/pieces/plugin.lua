require "string"
require "table"
local function fmt(v)
    if type(v) == "string" then return string.format("%q", (string.gsub(v, "[^\32-\126]", function(c) return string.format("<%02x>", string.byte(c)) end))) end
    if type(v) ~= "table" then return tostring(v) end
    local keys, out = {}, {}
    for k in pairs(v) do keys[#keys + 1] = k end
    table.sort(keys, function(a, b) return tostring(a) < tostring(b) end)
    for i, k in ipairs(keys) do out[i] = tostring(k) .. "=" .. fmt(v[k]) end
    return "{" .. table.concat(out, ", ") .. "}"
end
local function show(label, ...)
    add_to_payload(label, ":")
    for i = 1, select("#", ...) do add_to_payload(" ", fmt((select(i, ...)))) end
    add_to_payload("\n")
end
local function try(label, f, ...) show(label, pcall(f, ...)) end
function process_message() return 0 end
local mime = require "mime.core"
function timer_event()
    local names = {}
    for k, v in pairs(mime) do names[#names + 1] = k .. " " .. type(v) end
    table.sort(names)
    show("names", names, mime._VERSION, _G.mime)
    for n = 0, 7 do
        local text = string.sub("abc\0\255\n?", 1, n)
        show("b64", n, mime.b64(text))
        show("b64 rest", n, mime.b64(text, "xy"))
        show("b64 rest", n, mime.b64("z", text))
        show("unb64", n, mime.unb64((mime.b64(text))))
    end
    show("b64 nil", mime.b64(nil), mime.b64(), mime.b64(12345))
    for _, t in ipairs{"", "Y", "YQ", "YWI", "YQ==", "YWI=", "YWJj", "Y W\nJ*j=", "====", "=YWJ", "Y=Jj", "YW=j", "YWJjZGVm====YQ==", "\255YWJj"} do
        show("unb64 " .. t, mime.unb64(t))
        show("unb64 " .. t, mime.unb64(t, "YW"))
    end
    for _, t in ipairs{"", "a", " ", "a ", "a b", "\t", "a\t\r\n", " \r\nb", "a\r\nb", "\r", "\n", "a\rb", "\r\r\n", "=", "=3D", "\0", "\0a", "\127\128\255~!", "caf\195\169", "  \r\n", " \r", " \rx", string.rep("long ", 30)} do
        show("qp", t, mime.qp(t))
        show("qp", t, mime.qp(t, ""))
        show("qp", t, mime.qp(t, "\r\n", "=0D=0A"))
        show("qp", t, mime.qp("x ", t, "|"))
    end
    show("qp nil", mime.qp(nil), mime.qp())
    for _, t in ipairs{"", "a", "=", "=4", "=41", "=4a", "=zz", "=4z", "=\r\n", "=\r", "=\rx", "\r", "\r\n", "\rx", "\n", "\0", "a\0b", "=00", "=00a", "\127", "\128", "\t\31 ~", "=C3=A9=", "a=\r\nb", "==41"} do
        show("unqp", t, mime.unqp(t))
        show("unqp", t, mime.unqp(t, "1x"))
    end
    for _, l in ipairs{0, 1, 3, 5, -1, 76} do
        for _, t in ipairs{"", "abcdefgh", "ab\r\ncd", "a\nb\rc", "=41=42=43", "a=41b=42"} do
            show("wrp", l, t, mime.wrp(l, t, 5))
            show("qpwrp", l, t, mime.qpwrp(l, t, 5))
        end
        show("end", l, mime.wrp(l, nil, 5))
        show("end", l, mime.qpwrp(l, nil, 5))
        show("default", l, mime.wrp(l, string.rep("x", 100)))
        show("default", l, mime.qpwrp(l, nil))
    end
    for _, c in ipairs{0, 13, 10, 65} do
        for _, t in ipairs{"", "a", "\n", "\r", "\r\n", "\n\r", "\n\n", "\r\r", "\r\n\r\n", "a\nb\rc\r\nd\n\re", "\0\255"} do
            show("eol", c, t, mime.eol(c, t))
            show("eol", c, t, mime.eol(c, t, "<>\0x"))
        end
        show("eol nil", c, mime.eol(c, nil))
    end
    for s = 0, 3 do
        for _, t in ipairs{"", ".", "a", "..", "\r\n.", "\n.", "\r.", "\r\n..\r\n.a", "a.b\r\n"} do show("dot", s, t, mime.dot(s, t)) end
        show("dot nil", s, mime.dot(s, nil))
    end
    try("args", mime.wrp) try("args", mime.wrp, "x") try("args", mime.wrp, 1, {}) try("args", mime.wrp, 1, "a", {})
    try("args", mime.b64, {}) try("args", mime.b64, "a", {}) try("args", mime.qp, "a", nil, {}) try("args", mime.unqp, true)
    try("args", mime.eol) try("args", mime.eol, "a") try("args", mime.eol, 1, {}) try("args", mime.dot) try("args", mime.dot, {}, "")
    try("args", mime.unb64, print) try("args", mime.qpwrp, nil, "a")
    inject_payload("txt", "mime")
end
