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
    m("none", P"a", "a")
    m("none failed", P"a", "b")
    m("Cp", Cp() * P(2) * Cp(), "abc")
    m("C nested", C(C"a" * C(C"b" * "c")), "abc")
    m("C empty", C(P"" * C""), "")
    m("C long", C(P"a"^1), ("a"):rep(300))
    m("C longer inside", C(C(P"a"^1) * "b"), ("a"):rep(300) .. "b")
    for _, n in ipairs{13, 14, 15, 16, 253, 254, 255, 256} do
        local text = ("x"):rep(n)
        m("C fixed " .. n, Ct(C(P(n)) * Cp()), text)
        m("C span " .. n, Ct(C(P"x"^1) * Cp()), text)
        m("Cs " .. n, Cs(P"x"^1), text)
    end
    m("Cc none", Cc(), "")
    m("Cc nil", Cc(nil), "")
    m("Cc many", Cc(nil, 1, nil, "x", nil), "")
    m("Cc in C", C(Cc(1, 2) * "a"), "a")
    m("Cc in Ct", Ct(Cc(nil, 1, nil)), "")
    m("Cc false", Cc(false) * Cc(true), "")
    m("Cc many values", Ct(Cc(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20)), "")
    m("Carg", Carg(1) * Carg(3) * Carg(2), "", 1, "a", nil, "c")
    m("Carg absent", Carg(1), "")
    m("Carg absent", Carg(2), "", 1, "x")
    m("Carg nil", Carg(1), "", 1, nil)
    m("Ct empty", Ct"", "")
    m("Ct of C", Ct(C"a" * C"b"), "ab")
    m("Ct of no captures", Ct(P"abc"), "abc")
    m("Ct long without captures", Ct(P"a"^1), ("a"):rep(300))
    m("Ct named", Ct(Cg(C"a" * C"b", "x") * Cg("c", 1) * Cg(Cc(nil), "n") * C"d"), "abcd")
    m("Ct named twice", Ct(Cg("a", "x") * Cg("b", "x")), "ab")
    m("Ct named by table", Ct(Cg("a", l)) / function(t) return t[l] end, "a")
    m("Ct named by true", Ct(Cg("a", true)), "a")
    m("Ct named by number", Ct(Cg("a", 1.5) * Cg("b", 3)), "ab")
    m("Ct of anonymous group", Ct(Cg(C"a" * C"b") * Cg"c"), "abc")
    m("Ct nested", Ct(C"a" * Ct(C"b" * Ct"c")), "abc")
    m("Ct named by NaN", Ct(Cg("a", 0 / 0)), "a")
    m("Cg alone", Cg"a", "a")
    m("Cg named alone", Cg("a", "x"), "a")
    m("Cg of nothing", Cg(P"a" * Cg("b", "n")), "ab")
    m("Cb", Cg("a", "x") * Cb"x" * Cb"x", "a")
    m("Cb of many", Cg(C"a" * C"b" * Cp(), "x") * Cb"x", "ab")
    m("Cb last", Cg("a", "x") * Cg("b", "x") * Cb"x", "ab")
    m("Cb other", Cg("a", "x") * Cg("b", "y") * Cb"x", "ab")
    m("Cb enclosing", Cg("a" * Cb"x", "x"), "a")
    m("Cb inside closed", C(Cg("a", "x")) * Cb"x", "a")
    m("Cb outside", Cg("a", "x") * C(C(Cb"x")), "a")
    m("Cb in group", Cg("a", "x") * Cg(Cb"x" * "b", "x") * Cb"x", "ab")
    m("Cb missing", Cb"x", "")
    m("Cb of nil", Cg("a") * Cb(nil), "a")
    m("Cb missing number", Cb(12), "")
    m("Cb missing table", Cb{}, "")
    m("Cb number and text", Cg("a", "1") * Cb(1), "a")
    m("Cb by true", Cg("a", true) * Cb(true), "a")
    m("Cb with equal", Cg("a", setmetatable({}, {__eq = function() return true end})) * Cb"x", "a")
    local eq = {__eq = function() return true end}
    m("Cb with __eq", Cg("a", setmetatable({}, eq)) * Cb(setmetatable({}, eq)), "a")
    m("Cf", Cf(C"1" * C"2" * C"3", function(a, b) return a .. "," .. b end), "123")
    m("Cf many values", Cf(Cc(0) * Cg(C(1) * C(1))^0, function(a, b, c) return a + b * c end), "1234")
    m("Cf first of many", Cf(Cc(1, 2, 3) * C(1), function(a, b) return a .. b end), "x")
    m("Cf one", Cf(C(1), error), "x")
    m("Cf no value", Cf(P"a", error), "a")
    m("Cf no first value", Cf(Cg("a", "n") * C"b", error), "ab")
    m("Cf nothing long", Cf(P"a"^1, error), ("a"):rep(300))
    m("Cf returning nothing", Cf(C(1) * C(1) * C(1), function(a) return end), "abc")
    m("Cf raising", Cf(C(1) * C(1), function() error("mine", 0) end), "ab")
    m("function", C"a" * C"b" / function(...) return select("#", ...), ... end, "ab")
    m("function of match", P"ab" / function(...) return select("#", ...), ... end, "ab")
    m("function none", P"a" / function() end, "a")
    m("function many", P"a" / function() return 1, nil, 3, nil end, "a")
    m("function of group", Cg("a", "n") / function(...) return ... end, "a")
    m("function raising", P"a" / function() error("mine") end, "a")
    m("function raising a table", P"a" / function() error({1}) end, "a")
    m("query", C(1) / {a = 1, b = false}, "a")
    m("query false", C(1) / {a = 1, b = false}, "b")
    m("query nil", C(1) / {a = 1, b = false}, "c")
    m("query in Ct", Ct((C(1) / {a = 1, b = false})^0), "abcab")
    m("query first", C(1) * C(1) / {a = 1, b = 2}, "ba")
    m("query index", C(1) / setmetatable({}, {__index = function(_, k) return k .. k end}), "a")
    m("query raising", C(1) / setmetatable({}, {__index = function() error("mine") end}), "a")
    m("number", C(1) * C(1) * C(1) / 2, "abc")
    m("number 0", C(1) * C(1) / 0 * Cp(), "abc")
    m("number 0 nested", C(C(C(1)^0)) / 0, "abc")
    m("number 1", P"abc" / 1, "abc")
    m("number too large", C(1) * C(1) / 3, "abc")
    m("number of match", P"abc" / 2, "abc")
    m("order", C(Cp() * C(Cp() * 1) * Cp()) * Cp() * Cc"end", "ab")
    m("in predicate", #C"a" * C(1), "a")
    m("in not", -(C"b") * C(1), "a")
    m("in failed choice", C"a" * C"x" + C"a" * C"b", "ab")
    m("in repetition", (C"a" * C"b")^0, "ababa")
    m("in optional", (C"a" * C"b")^-1 * C(1), "ac")
    show("many", l.match(C(1)^0, ("x"):rep(40)))
    show("very many", select("#", l.match(C(1)^0, ("x"):rep(5000))))
    try("too many", function() return select("#", l.match(C(1)^0, ("x"):rep(9000))) end)
    try("table of many", function() return #l.match(Ct(C(1)^0), ("x"):rep(20000)) end)
    for n = 7960, 8010 do
        local ok, e = pcall(function() return select("#", l.match(C(1)^0, ("x"):rep(n))) end)
        if not ok then show("limit", n, e) break end
    end
    local deep = P"a"
    for n = 1, 260 do
        deep = C(deep * "")
        local ok, e = pcall(function() return (l.match(deep, "a")) end)
        if not ok then show("depth", n, e) break end
    end
    deep = P"a"^1
    for n = 1, 260 do
        deep = Cg(deep * Cp())
        local ok, e = pcall(function() return (l.match(deep, "a")) end)
        if not ok then show("depth of groups", n, e) break end
    end
    deep = P"a"^1
    for n = 1, 260 do
        deep = Ct(deep * Cp())
        local ok, e = pcall(function() return (l.match(deep, "a")) end)
        if not ok then show("depth of tables", n, e) break end
    end
    inject_payload("txt", "result")
end
