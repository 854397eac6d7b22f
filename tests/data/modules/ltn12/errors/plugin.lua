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
local function lineless(label, f, ...)
    local r = {pcall(f, ...)}
    r[2] = type(r[2]) == "string" and string.gsub(r[2], "^[^ ]*:%d+: ", "") or r[2]
    show(label, r[1], r[2])
end
local function nothing() return nil end
local function blank(chunk) return chunk and "" end
function timer_event()
    for _, name in ipairs{"cycle"} do lineless("nil " .. name, l.filter[name]) end
    for _, name in ipairs{"simplify", "rewind", "chain"} do lineless("nil " .. name, l.source[name]) end
    for _, name in ipairs{"simplify", "chain"} do lineless("nil " .. name, l.sink[name]) end
    lineless("nil pump", l.pump.all) lineless("nil pump", l.pump.step) lineless("nil pump", l.pump.all, nothing)
    lineless("bad filter", function() return l.filter.chain(nothing, nothing)("x") end)
    lineless("bad filter", function() return l.filter.chain(function(c) return c end, nothing)("x") end)
    lineless("bad chain", l.source.chain(l.source.string("abc"), nothing))
    local s = l.source.chain(l.source.string("abc"), function(c) if c == nil then return "" end return c end)
    lineless("blank at the end", function() s() return s() end)
    s = l.source.chain(l.source.empty(), function(c) return c end)
    lineless("twice empty", function() s() return s() end)
    s = l.source.chain(l.source.error("broken"), function(c) return c end)
    show("source error", s())
    show("sink chain", l.sink.chain(blank, l.sink.null())("x"), l.sink.chain(blank, l.sink.error("e"))("x"), l.sink.chain(blank, l.sink.error("e"))(""))
    show("sink chain error", l.sink.chain(function(c) return c end, function(c, e) return nil, e end)("x", "passed"))
    inject_payload("txt", "errors")
end
