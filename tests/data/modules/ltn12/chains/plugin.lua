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
local l = require "ltn12"
local function upper(chunk) return chunk and string.upper(chunk) end
local function pairs_of(context, chunk)     -- gives two letters at a time
    if chunk == nil then if context == "" then return nil, "" end return context .. "!", "" end
    context = context .. chunk
    if #context < 2 then return "", context end
    return string.sub(context, 1, 2), string.sub(context, 3)
end
local function double(chunk) return chunk and chunk .. chunk end
local function drain(src, n)
    local out = {}
    for i = 1, n or 50 do
        local chunk, err = src()
        out[#out + 1] = tostring(chunk) .. (err and "/" .. tostring(err) or "")
        if chunk == nil then break end
    end
    return out
end
function timer_event()
    show("version", l._VERSION, l.BLOCKSIZE, ltn12 == l)
    local names = {}
    for _, g in ipairs{"filter", "source", "sink", "pump"} do for k in pairs(l[g]) do names[#names + 1] = g .. "." .. k end end
    table.sort(names)
    show("names", names)
    show("string", drain(l.source.string("hello")), drain(l.source.string("")), drain(l.source.string(nil)))
    l.BLOCKSIZE = 3
    show("string", drain(l.source.string("hello world")))
    show("empty", drain(l.source.empty()), drain(l.source.error("broken")))
    show("file", drain(l.source.file(nil, "no such file")), drain(l.source.file(nil)))
    show("cat", drain(l.source.cat(l.source.string("abcd"), l.source.empty(), l.source.string("ef"))), drain(l.source.cat()))
    show("cat error", drain(l.source.cat(l.source.string("ab"), l.source.error("e"), l.source.string("c"))))
    for n = 0, 9 do
        local text = string.sub("abcdefghi", 1, n)
        local src = l.source.chain(l.source.string(text), l.filter.cycle(pairs_of, ""))
        show("chain " .. n, drain(src))
        show("chain2 " .. n, drain(l.source.chain(l.source.string(text), upper, l.filter.cycle(pairs_of, ""), double)))
        show("chain3 " .. n, drain(l.source.chain(l.source.string(text), l.filter.cycle(pairs_of, ""), l.filter.cycle(pairs_of, ""))))
        local f = l.filter.chain(l.filter.cycle(pairs_of, ""), upper, l.filter.cycle(pairs_of, ""))
        local out = {}
        for _, c in ipairs{text, "", "xyz", "", "", "", "q"} do out[#out + 1] = tostring(f(c)) end
        for i = 1, 6 do out[#out + 1] = tostring(f(nil)) end
        show("filter " .. n, out)
        local sink, t = l.sink.table()
        show("pump " .. n, l.pump.all(l.source.string(text), l.sink.chain(l.filter.cycle(pairs_of, ""), upper, sink)), t)
        sink, t = l.sink.table{"before"}
        show("pump " .. n, l.pump.all(l.source.string(text), l.sink.chain(double, sink)), t)
    end
    local r = l.source.rewind(l.source.string("abcdef"))
    show("rewind", r(), r("back"), r("again"), r(), r(), r(), r())
    local function counter() local n = 0 local first = function() n = n + 1 return tostring(n), n == 2 and l.source.string("zz") or nil end return first end
    show("simplify", drain(l.source.simplify(counter()), 5))
    local got = {}
    local s = l.sink.simplify(function(chunk) got[#got + 1] = "one " .. tostring(chunk) return 1, function(c) got[#got + 1] = "two " .. tostring(c) return 1 end end)
    show("simplify", s("a"), s("b"), s(nil), got)
    show("null", l.sink.null()("x"), l.sink.null()(nil))
    show("error", l.sink.error("full")("x"))
    show("file sink", l.sink.file(nil, "e")("x"), l.sink.file(nil)("x"))
    show("pump error", l.pump.all(l.source.error("s"), l.sink.null()))
    show("pump error", l.pump.all(l.source.string("abc"), l.sink.error("full")))
    show("pump step", l.pump.step(l.source.string("a"), l.sink.null()), l.pump.step(l.source.empty(), l.sink.null()))
    local calls = 0
    show("own step", l.pump.all(l.source.empty(), l.sink.null(), function() calls = calls + 1 if calls < 4 then return 1 end end), calls)
    inject_payload("txt", "chains")
end
