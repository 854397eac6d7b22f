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
    for n = 390, 402 do
        m("recursion " .. n, P{"a" * V(1) * "b" + "c"} * Cp(), ("a"):rep(n) .. "c" .. ("b"):rep(n))
    end
    for n = 190, 202 do
        m("recursion with choice " .. n, P{#P(1) * V"T" * "b" + "c", T = "a" * V(1) + "ab" * V(1)}, ("a"):rep(n) .. "c" .. ("b"):rep(n))
    end
    local function nested(n)
        local p = P"x"
        for _ = 1, n do p = (p * "y" + P"a" * "b") end
        return p
    end
    m("nested choices", nested(300), "x" .. ("y"):rep(300))
    local function choices(n)
        local p = P"b"
        for _ = 1, n do p = (P"a"^1 * "x" + P"a") * p + "ay" end
        return p
    end
    for _, n in ipairs{100, 395, 396, 397, 398, 399, 400, 401, 402, 450} do m("choices " .. n, choices(n), ("a"):rep(n) .. "b") end
    local p = P{P"a" * V(1) * "b" + "c"}
    for _, max in ipairs{1, 200, 399, 400, 401, 500, 1000, 1500} do
        l.setmaxstack(max)
        for _, n in ipairs{100, 380, 390, 398, 399, 400, 401, 480, 498, 499, 500, 990, 999, 1000, 1499, 1501} do
            local ok, e = pcall(l.match, p, ("a"):rep(n) .. "c" .. ("b"):rep(n))
            show(max .. " " .. n, ok, e)
        end
    end
    l.setmaxstack(100000)
    m("very deep", p, ("a"):rep(60000) .. "c" .. ("b"):rep(60000))
    m("very deep failing", p, ("a"):rep(60000) .. "c" .. ("b"):rep(59999))
    l.setmaxstack(400)
    m("captures dropped", Ct(P{C"a" * V(1) * C"b" + C"a" * V(1) + C"c"}), "aaacb")
    m("exponential", P{P"a" * V(1) * "b" + P"a" * V(1) * "c" + "d"}, ("a"):rep(12) .. "d" .. ("c"):rep(12))
    m("repetition gives back nothing", P"a"^0 * "a", "aaa")
    m("possessive option", P"a"^-1 * "a", "a")
    m("not not", - -P"a" * 1, "a")
    m("and of captures", #(C"a" * C"b") * C(1), "ab")
    m("and fails", #(P"a" * "b") * C(1), "ac")
    m("commit out of loop", ((P"a" * "b" + "a" * P"c")^0 * Cp()), "abacabad")
    m("partial commit", ((P"a" * P"b"^-1 * P"c"^-1)^-3 * Cp()), "abcacab")
    m("optional at end", ((P"ab" + "a")^-1)^-2 * Cp(), "aba")
    inject_payload("txt", "result")
end
