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
    local inner = Ct(C(R"az")^1)
    m("match in function", C(P(1)^0) / function(s) return inner:match(s) end, "abc")
    local function deep(n)
        return P(1) / function(s) if n == 0 then return "bottom" end return deep(n - 1):match(s) end
    end
    m("nested 50", deep(50), "x")
    m("nested 150", deep(150) / function(s) return s end, "x")
    m("nested 250", deep(250), "x")
    m("caught inside", C(1) / function() return pcall(l.match, V"x", "a") end, "a")
    m("caught inside fold", Cf(C(1) * C(1), function(a, b) return tostring(pcall(error, a .. b)) end), "ab")
    m("caught inside Cs", Cs((C(1) / function(s) return tostring((pcall(l.match, Cs(Cc{}), s))) .. s end)^0), "abc")
    local p
    p = P{Cmt(C(1), function(s, i, c) if c == "x" then return p:match(s, i) end return i end) * V(1) + ""}
    m("pattern inside itself", p * Cp(), "abxcd")
    local t = setmetatable({}, {__index = function(t, k) return inner:match(k) end})
    m("match in query", C(P"ab") / t, "ab")
    local mt = getmetatable(P"a")
    m("freed twice", (function() local q = P"a" q:match"a" mt.__gc(q) mt.__gc(q) return q end)(), "a")
    m("collected while matching", Cs((P(1) / function(s)
        local g = {}
        for n = 1, 20 do g[n] = Ct(C(n)^0) g[n]:match(("x"):rep(n)) end
        return s .. #g
    end)^0), ("abc"):rep(50))
    m("new patterns in captures", Ct((C(1) / function(c) return (C(c) * Cp()):match(c .. c) end)^0), "abcdef")
    m("same pattern twice", (function() local q = C"a" return q * q + q end)(), "aa")
    m("same with value", (function() local q = C"a" / "x" return q * q * q end)(), "aaa")
    m("values joined", (Cc(1) * Cc(2)) * (Cc(3) * Cc(1)) * Cc(4), "")
    m("values shared", (function()
        local one, two = Cc"one", Cc"two"
        local a, b = one * two, two * one
        return a * b * a * P"" * (P"x" + b) * (one - P"y")
    end)(), "")
    local big = Cc(0)
    for n = 1, 300 do big = big * Cc(n) end
    m("many values", Ct(big) / function(t) return #t, t[1], t[301] end, "")
    local q = P"a" * C"b"
    for n = 1, 8 do q = q * q + q end
    m("doubling", q / 1, ("ab"):rep(256))
    show("upvalues", (function() local a = P"a" local b = a^0 a = nil return b:match("aaa") end)())
    inject_payload("txt", "result")
end
