require "string"
require "table"
require "lpeg"
local l = lpeg
local P, R, S, V, B, C, Cp, Cc, Cb, Cg, Ct, Cs, Cf, Cmt, Carg =
    l.P, l.R, l.S, l.V, l.B, l.C, l.Cp, l.Cc, l.Cb, l.Cg, l.Ct, l.Cs, l.Cf, l.Cmt, l.Carg

local function dump(v)
    if type(v) == "string" then return string.format("%q", v):gsub("\r", "\\r"):gsub("%z", "\\0") end
    if type(v) == "userdata" then return l.type(v) or "userdata" end
    if type(v) ~= "table" then return type(v) == "function" and "function" or tostring(v) end
    local keys = {}
    for k in pairs(v) do keys[#keys + 1] = k end
    table.sort(keys, function(a, b)
        if type(a) == type(b) and type(a) ~= "boolean" then return a < b end
        return type(a) < type(b)
    end)
    local out = {}
    for i, k in ipairs(keys) do out[i] = tostring(k) .. "=" .. (dump(v[k])) end
    return "{" .. table.concat(out, ", ") .. "}"
end

local function show(label, ...)
    add_to_payload(label, ":")
    for i = 1, select("#", ...) do add_to_payload(" ", (dump((select(i, ...))))) end
    add_to_payload("\n")
end

local function try(label, f, ...) show(label, pcall(f, ...)) end
local function m(label, p, ...) show(label, pcall(l.match, p, ...)) end

function process_message() return 0 end

function timer_event(ns, shutdown)
    if not shutdown then return end
    local function f(...) show("  called", ...) return true end
    m("true", Cmt(P"ab", f), "abc")
    m("with captures", Cmt(C"a" * Cp() * Cc(nil, 2), f), "abc")
    m("function as pattern", P"a" * f * "b", "ab")
    m("false", Cmt(1, function() return false end), "a")
    m("nil", Cmt(1, function() return nil end), "a")
    m("nothing", Cmt(1, function() end), "a")
    m("zero", Cmt(1, function() return 0 end), "a")
    m("one", Cmt(1, function() return 1 end), "a")
    m("two", Cmt(1, function() return 2 end), "a")
    m("three", Cmt(1, function() return 3 end), "a")
    m("position", Cmt(1, function(s, i) return i + 1, "x" end) * Cp(), "abc")
    m("end", Cmt(1, function(s) return #s + 1 end), "abc")
    m("behind end", Cmt(1, function(s) return #s + 2 end), "abc")
    m("back", P"ab" * Cmt(1, function(s, i) return i - 1 end), "abc")
    m("fraction", Cmt(1, function(s, i) return i + 0.7 end) * Cp(), "abc")
    m("text", Cmt(1, function(s, i) return "3" end) * Cp(), "abc")
    m("text of none", Cmt(1, function(s, i) return "x" end) * Cp(), "abc")
    m("table", Cmt(1, function(s, i) return {} end) * Cp(), "abc")
    m("values", Cmt(1, function() return true, 1, nil, "x", {} end), "a")
    m("nil value", Ct(Cmt(1, function() return true, nil, nil end)), "a")
    m("values in order", C(1) * Cmt(1, function() return true, "m1", "m2" end) * C(1), "abc")
    m("inside", Cmt(C(1) * Cmt(C(1), function(_, _, c) return true, c .. "!" end) * C(1), function(...) show("  outer", ...) return true, ... end), "abc")
    m("in Ct", Ct(Cmt(1, function() return true, 1, 2 end)^0), "abc")
    m("named", Ct(Cg(Cmt(1, function() return true, 1, 2 end), "n")), "abc")
    m("in Cs", Cs((Cmt(S"ab", function(_, _, c) return true, c .. c end) + 1)^0), "abcab")
    m("in Cs without value", Cs((Cmt(S"ab", function() return true end) + 1)^0), "abcab")
    m("in text", C(1) * Cmt(1, function() return true, "v", "w" end) / "%2 %1 %0", "abc")
    m("in function", Cmt(1, function() return true, 1, 2 end) * C(1) / function(...) return select("#", ...), ... end, "ab")
    m("in fold", Cf(Cmt(1, function() return true, 1 end) * Cmt(1, function() return true, 2, 3 end), function(...) return table.concat({...}, "+") end), "ab")
    m("in number", C(1) * Cmt(1, function() return true, "x", "y" end) / 3, "ab")
    m("dropped by choice", Cmt(1, function() return true, "x" end) * "z" + C(1) * Cmt(1, function() return true, "y" end), "ab")
    m("dropped by inner choice", Cmt(1, function() return true, "x" end) * (Cmt(1, function() return true, "y" end) * "z" + C(1)), "ab")
    m("dropped by repetition", (Cmt(1, function(_, i) return true, i end) * "b")^0 * Cp(), "ababac")
    m("dropped by failing", Cmt(Cmt(1, function() return true, "x" end), function() return false end) + C(1), "ab")
    m("in not", -Cmt(1, function() return true, "x" end) + C(1), "ab")
    m("in and without value", #Cmt(1, function() return true end) * C(1), "ab")
    m("group seen", Cg(1, "n") * Cmt(Cb"n", function(_, i, c) return i, c .. "?" end), "a")
    m("group of values", Cg(Cmt(1, function() return true, 5, 6 end), "n") * C(1) * Cb"n", "ab")
    m("long bracket", (function()
        local open = "[" * Cg(P"="^0, "init") * "["
        local close = "]" * C(P"="^0) * "]"
        local eq = Cmt(close * Cb"init", function(_, _, a, b) return a == b end)
        return open * C((P(1) - eq)^0) * close / 1
    end)(), "[==[a]=]b]==]")
    m("raising", Cmt(1, function() error("mine") end), "a")
    m("raising plain", Cmt(1, function() error({}) end), "a")
    m("raising in nested match", Cmt(1, function(s) return l.match(V"x", s) end), "a")
    m("matching", Cmt(1, function(s, i) return l.match(P"bc", s, i) end), "abc")
    m("matching with captures", Ct(Cmt(1, function(s, i) return true, l.match(C"b" * C"c", s, i) end) * C(1)), "abc")
    m("in grammar", P{Cmt(C(1), function(_, i, c) return c ~= "z" and i, c end) * V(1) + ""}, "abcz")
    m("optimised away?", Cmt(P"", f) * "x" + "a", "a")
    m("optimised away?", (P"b" * P(f) + "a")^0, "a")
    m("optimised away?", P(f)^-1 * "x" + "a", "a")
    m("optimised away?", -(P(f) * "x"), "a")
    m("optimised away?", #(P(f) * "x"), "a")
    m("optimised away?", P(f) * false + 1, "a")
    m("optimised away?", P(false) * f + 1, "a")
    local many = {}
    for n = 1, 3000 do many[n] = n end
    show("many values", select("#", l.match(Cmt(1, function() return true, unpack(many) end), "a")))
    m("too many values", Ct((Cmt(1, function() return true, unpack(many) end))^0) / function(t) return #t end, "aa")
    m("too many values", Ct((Cmt(1, function() return true, unpack(many) end))^0) / function(t) return #t end, "aaa")
    m("many matches", Ct(Cmt(1, function(_, i) return true, i end)^0) / function(t) return #t, t[1000] end, ("x"):rep(2500))
    m("too many matches", Ct(Cmt(1, function(_, i) return true, i end)^0) / function(t) return #t end, ("x"):rep(9000))
    local co = coroutine and coroutine.wrap(function() return l.match(Cmt(1, function() coroutine.yield(1) end), "a") end)
    if co then try("yield", co) end
    inject_payload("txt", "result")
end
