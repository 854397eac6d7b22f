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
    m("Cs", Cs((P"a" / "x" + 1)^0), "banana")
    m("Cs none", Cs(P"abc"), "abc")
    m("Cs empty", Cs"", "")
    m("Cs dropping", Cs((P"a" / "" + 1)^0), "banana")
    m("Cs function", Cs((C"a" / string.upper + 1)^0), "banana")
    m("Cs number", Cs((P"a" / function() return 12 end + 1)^0), "bab")
    m("Cs nil", Cs((P"a" / function() return nil end + 1)^0), "bab")
    m("Cs none returned", Cs((P"a" / function() end + 1)^0), "bab")
    m("Cs false", Cs((P"a" / function() return false end + 1)^0), "bab")
    m("Cs table", Cs((P"a" / function() return {} end + 1)^0), "bab")
    m("Cs query", Cs((C(1) / {a = "1", b = 2})^0), "abc")
    m("Cs query false", Cs((C(1) / {a = false})^0), "abc")
    m("Cs position", Cs((Cp() * 1)^0), "abc")
    m("Cs constant", Cs((Cc"-" * 1)^0), "abc")
    m("Cs constants", Cs((Cc("-", "+") * 1)^0), "abc")
    m("Cs nested", Cs(Cs(P"a" / "x") * Cs(P"b" * Cs(P"c" / "y") * "d") * "e"), "abcde")
    m("Cs C", Cs((C(1) * C(1))^0), "abcd")
    m("Cs C nested", Cs(C(C(1) * C(1))^0), "abcd")
    m("Cs group", Cs((Cg(C(1) * C(1)))^0), "abcd")
    m("Cs named group", Cs((Cg(C(1), "n") * 1)^0), "abcd")
    m("Cs long", Cs((P"a" / "<%0>" + 1)^0), ("banana "):rep(60))
    m("Cs back reference", Cs(Cg("a", "n") * P"b" * Cb"n"), "ab")
    m("Cs Ct", Cs(Ct"a"), "a")
    m("Cs fold", Cs(Cf(C(1) * C(1), function(a, b) return b .. a end)), "ab")
    m("Cs in Ct", Ct(Cs(P"a" / "b") * Cs(P"c"^0)), "accc")
    m("text", C(1) * C(1) / "%2%1", "ab")
    m("text 0", C(1) * C(1) / "<%0>", "ab")
    m("text none", P"ab" / "plain", "ab")
    m("text 1 of match", P"ab" / "%1", "ab")
    m("text percent", P"ab" / "100%%", "ab")
    m("text other escapes", P"ab" / "%a%-%.", "ab")
    m("text percent at end", P"ab" / "x%", "ab")
    m("text empty", P"ab" / "", "ab")
    m("text NUL", P"ab" / "a\0%0\0", "ab")
    m("text nested simple", C(C(1) * C(1)) * C(1) / "%1 %2 %3 %4", "abc")
    m("text nested other", C(1) * (C(1) * C(1) / "<%2%1>") * C(1) / "%1 %2 %3", "abcd")
    m("text of Ct", Ct(1) / "%1", "a")
    m("text of number", P(1) * Cc(12) / "%1", "a")
    m("text of none", Cg(1, "n") / "%1", "a")
    m("text of function without value", (C(1) / function() end) / "%1", "a")
    m("text of false", Cc(false) / "%1", "")
    m("text of position", P(1) * Cp() / "%1%1", "a")
    m("text of constants", Cc("x", "y") / "%1", "")
    m("text 5 of 1", C(1) / "%5", "a")
    m("text 9", C(1)^0 / "%9%8", "abcdefghi")
    m("text 9 of 10", C(1)^0 / "%9%1", "abcdefghij")
    m("text of many", (C(1) * C(C(1)))^0 / "%1%2%3%4%5%6%7%8%9", "abcdefghijkl")
    m("text twice evaluated", Cc(1) * (C(1) / function(a) return a:upper() end) / "%2%2", "a")
    m("text in Cs", Cs((C(1) * C(1) / "%2%1")^0), "abcd")
    m("Cs in text", Cs((P"a" / "x" + 1)^0) / "[%1]", "banana")
    m("text in text", (C(1) / "<%1>") / "(%1)", "a")
    m("text in text in Cs", Cs(((C(1) / "<%1>") * (C(1) / "{%1}") / "(%2%1)")^0), "abcd")
    m("text of query", (C(1) / {a = "found"}) / "(%1)", "a")
    m("text of failed query", (C(1) / {}) / "(%1)", "a")
    m("text of table value", (C(1) / {a = {}}) / "(%1)", "a")
    m("long text", C(P(1)^0) / "%1%1%0", ("abc"):rep(3000))
    m("buffer growth", Cs((C(1) / "%1%1%1%1")^0) / function(s) return #s, s:sub(1, 20), s:sub(-20) end, ("abcdefgh"):rep(2000))
    local deep = P"a"
    for n = 1, 400 do deep = Cs(deep * "") end
    m("many substitutions", deep, "a")
    deep = C(1) / "x%1"
    for n = 1, 230 do
        deep = deep / "%1"
    end
    m("many texts", deep, "a")
    deep = C(1)
    for n = 1, 230 do
        deep = Cs(deep) / "%1"
    end
    m("many of both", deep, "a")
    m("binary", Cs((P"\0" / "\255" + P"\255" / "\0" + 1)^0) / function(s) return #s, s:byte(1, -1) end, "\0a\255\0")
    inject_payload("txt", "result")
end
