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
    for _, start in ipairs{1, 2, 3, 4, 5, 0, -1, -2, -3, -4, 100, -100, 1.9, -1.9, "2"} do
        m("start " .. start, Ct(Cp() * C(P(1)^-1)), "abc", start)
    end
    m("start nil", Cp(), "abc", nil)
    m("start text", Cp(), "abc", "x")
    m("start table", Cp(), "abc", {})
    m("number as subject", C(P(1)^0), 12.5)
    m("no subject", P"a")
    m("nil subject", P"a", nil)
    m("table subject", P"a", {})
    m("text as pattern", "ab", "abc")
    m("number as pattern", 2, "abc")
    m("negative as pattern", -4, "abc")
    m("negative failing", -3, "abc")
    m("true as pattern", true, "abc")
    m("false as pattern", false, "abc")
    m("table as pattern", {"a" * V(1) + "b"}, "aab")
    m("function as pattern", function(s, i) return #s + 1, s, i end, "abc")
    m("nil as pattern", nil, "abc")
    m("NUL", C(P"\0"^1 * "a"), "\0\0a")
    m("any byte", C(R"\0\255"^0) / function(s) return #s end, "\0\1\127\128\255")
    m("high bytes", Ct(C(R"\128\255"^1 + 1)^0), "a\200\201b\255")
    local utf8 = R"\0\127" + R"\194\223" * R"\128\191" + R"\224\239" * R"\128\191" * R"\128\191" + R"\240\244" * R"\128\191" * R"\128\191" * R"\128\191"
    m("utf8", Ct(C(utf8)^0) / function(t) return #t, #t[2], #t[4] end, "a\195\164b\226\130\172c")
    m("utf8 broken", utf8^0 * Cp(), "a\195\164b\226\130c")
    m("sets", Ct(C(S"abc"^1) * C(S"" + "x") * C(R() + "y") * C(R("09", "af")^0)), "cabxy0f9")
    m("empty set", S"" + Cp(), "a")
    m("full set", R"\0\255" * Cp(), "a")
    m("set of one", S"a"^0 * Cp(), "aab")
    m("set repeats", S"aaa" * Cp(), "a")
    m("range backwards", R"ba" + Cp(), "a")
    m("union", (R"az" + S"_" + "0")^0 * Cp(), "a_0Z")
    m("difference", (R"az" - S"xyz" - "a")^0 * Cp(), "bcdx")
    m("difference of others", (P"ab" - P"a" * "c")^0 * Cp(), "abab")
    m("any less", (1 - P"x")^0 * Cp(), "abx")
    m("any less word", (P(1) - "xy")^0 * Cp(), "axbxy")
    for n = 0, 4 do
        m("at least " .. n, P"a"^n * Cp(), "aaa")
        m("at most " .. n, P"a"^-n * Cp(), "aaa")
        m("words at least " .. n, P"ab"^n * Cp(), "ababab")
        m("words at most " .. n, P"ab"^-n * Cp(), "ababab")
        m("bytes " .. n, P(n) * Cp(), "aaa")
        m("no bytes " .. n, P(-n) * Cp(), "aaa")
    end
    m("1000 times", P"a"^1000 * Cp(), ("a"):rep(1200))
    m("at most 1000", P"ab"^-1000 * Cp(), ("ab"):rep(1200))
    m("fraction", P"a"^1.9 * Cp(), "aaa")
    m("power text", P"a"^"2" * Cp(), "aaa")
    m("behind", P(1) * B"a" * Cp(), "ab")
    m("behind start", B"a" * Cp(), "ab")
    m("behind word", P(3) * B"abc" * Cp(), "abcd")
    m("behind word failing", P(3) * B"abd" * Cp(), "abcd")
    m("behind nothing", B"" * Cp(), "abcd")
    m("behind set", (S"ab" * -B"b")^0 * Cp(), "aab")
    m("behind with start", B"b" * Cp(), "abc", 3)
    m("behind choice", P(2) * B(P"ab" + "cd") * Cp(), "cdx")
    m("behind predicate", P(2) * B(#P"a" * 1 * -P"c") * Cp(), "xab")
    m("behind long", P(255) * B(255) * Cp(), ("x"):rep(255))
    m("behind long failing", P(254) * B(255) * Cp(), ("x"):rep(255))
    m("behind grammar", P(2) * B{P"a" * V(2), P"b"} * Cp(), "abx")
    m("end", -P(1) * Cp(), "")
    m("end failing", -P(1) * Cp(), "a")
    m("true", P(true) * Cp(), "")
    m("false", P(false) + Cp(), "")
    m("empty", P"" * Cp(), "")
    m("long literal", P(("x"):rep(500)) * Cp(), ("x"):rep(501))
    m("long subject", (P"ab" + "c")^0 * Cp(), ("abc"):rep(50000))
    local loc = l.locale()
    for _, class in ipairs{"alnum", "alpha", "cntrl", "digit", "graph", "lower", "print", "punct", "space", "upper", "xdigit"} do
        local all = {}
        for byte = 0, 255 do
            if loc[class]:match(string.char(byte)) then all[#all + 1] = byte end
        end
        show(class, table.concat(all, " "))
    end
    local given = {digit = 1}
    show("locale of table", l.locale(given) == given, given)
    show("methods", P"a".match == l.match, P"a":match"a", C"a":match"a", (P"a"):type())
    inject_payload("txt", "result")
end
