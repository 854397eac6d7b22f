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
    m("rule by number", P{"a" * V(2) + "", "b" * V(1)}, "abab")
    m("rule by name", P{"S", S = "a" * V"T" + "", T = "b" * V"S"}, "ababa")
    m("initial pattern", P{P"a" * V"x", x = P"b"}, "ab")
    try("initial by number", P, {2, P"x", P"y"})
    m("rule by boolean", P{[1] = V(true), [true] = P"a"}, "a")
    m("rule by fraction", P{[1] = V(1.5), [1.5] = P"a"}, "a")
    m("not a plain table", P(setmetatable({"S"}, {__index = function(_, k) return k == "S" and P"z" or nil end})), "z")
    m("palindrome", P{"a" * V(1) * "a" + P"b" * V(1) * "b" + P"a" + "b" + ""} * -1, "abbaabba")
    m("numbered one is skipped", P{"S", S = P"a", ["1"] = P"x"}, "a")
    m("balanced", P{"(" * ((1 - S"()") + V(1))^0 * ")"} * Cp(), "(a(b)(c(d)))x")
    m("nested grammar", P{"S", S = P{"S", S = P"a" * V"S" + "b"} * V"T", T = P"c"}, "aabc")
    m("captures", P{"S", S = Ct(C"a" * V"S"^-1) * Cp()}, "aaa")
    m("values of several rules", P{"S", S = V"A" * V"B" * V"A", A = C"x" / {x = 1} * Cc"a", B = C"y" / "%0%0" * Carg(1)}, "xyx", 1, "arg")
    m("unused rule", P{"S", S = P"a", T = P""}, "a")
    try("unused loop", P, {"S", S = P"a", T = V"T"})
    try("no initial rule", P, {})
    try("no initial rule", P, {"S"})
    try("initial rule", P, {1})
    try("initial rule", P, {true})
    try("initial rule", P, {"S", S = "text"})
    try("initial rule", P, {5, [5] = {}})
    try("rule", P, {"S", S = P"a", T = "text"})
    try("rule", P, {"S", S = P"a", [true] = 1})
    try("rule", P, {"S", S = P"a", [12] = 1})
    try("undefined", P, {"S", S = V"T"})
    try("undefined", P, {V(2)})
    try("undefined", P, {V(true)})
    try("undefined", P, {V(l)})
    try("outside", l.match, V"T", "x")
    try("outside", l.match, P"a" * V(12) + C(V"y"), "x")
    try("outside", l.match, V{}, "x")
    try("outside", l.match, V(), "x")
    try("left", P, {V(1)})
    try("left", P, {"S", S = V"T" * "a", T = V"S" + "b"})
    try("left", P, {"S", S = P"a"^0 * V"S"})
    try("left", P, {"S", S = P"a"^-1 * V"S"})
    try("left", P, {"S", S = #P"a" * V"S"})
    try("left", P, {"S", S = -P"a" * V"S"})
    try("left", P, {"S", S = B"a" * V"S"})
    try("left", P, {"S", S = Cp() * V"S"})
    try("left", P, {"S", S = V"T" * V"S", T = P"a" + ""})
    try("left", P, {"S", S = V"T", T = V"U", U = V"T"})
    try("left", P, {"S", S = P"a" * V"T", T = V(3), [3] = V"T"})
    try("left in predicate", P, {"S", S = #V"S" * "a"})
    try("left in repetition", P, {"S", S = (V"S" * "a")^0})
    try("left in capture", P, {"S", S = Ct(V"S")})
    try("left in function", P, {"S", S = Cmt(V"S", function() end)})
    try("not left", P, {"S", S = P"a" * V"S" + V"T", T = P"b" * V"S" + ""})
    try("not left behind nested", P, {"S", S = P{P"a"} * V"S" + "b"})
    try("left behind nested", P, {"S", S = P{P"a" + ""} * V"S" + "b"})
    try("loop", P, {"S", S = V"T"^0, T = P"a"^0})
    try("loop", P, {"S", S = V"T"^0 * "x", T = V"U", U = #P"a"})
    try("loop", P, {"S", S = P"a" * (V(2))^1, P""})
    try("loop by number", P, {P"a" * V"T", T = V(1)^0, [3] = (V"U")^0 * "z", U = P""})
    local rules = {V(2)}
    for n = 2, 249 do rules[n] = "a" * V(n + 1) + "b" end
    rules[250] = P"c"
    m("250 rules", P(rules), ("a"):rep(248) .. "c")
    rules[250] = P"c" * V(251)
    rules[251] = P"d"
    try("251 rules", P, rules)
    rules = {}
    for n = 1, 1000 do rules[n] = P"x" end
    try("1000 rules", P, rules)
    for n = 1, 8000 do rules[n] = P"x" end
    try("8000 rules", P, rules)
    rules = {}
    for n = 1, 200 do rules[n] = V(n + 1) end
    rules[201] = P"a"
    m("long chain", P(rules), "a")
    local keywords = {}
    local choice = P(false)
    for n = 1, 300 do
        choice = choice + ("k" .. n .. ";")
    end
    m("long choice", choice, "k299;")
    m("long choice failing", choice, "k301;")
    m("several", Ct((C(choice) + 1)^0), "k1;xk22;k300;k")
    m("tail call", P{"a" * V(1) + "b"}, ("a"):rep(100000) .. "b")
    m("deep", P{"a" * V(1) * "b" + "c"}, ("a"):rep(398) .. "c" .. ("b"):rep(398))
    inject_payload("txt", "result")
end
