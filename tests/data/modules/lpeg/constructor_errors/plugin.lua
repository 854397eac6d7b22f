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
    local values = {n = nil, t = {}, f = function() end, b = true, s = "ab", d = 2, p = P"x", e = "", neg = -2, frac = 1.7}
    for _, name in ipairs{"P", "R", "S", "V", "B", "C", "Cp", "Cc", "Cb", "Cg", "Ct", "Cs", "Cf", "Cmt", "Carg", "type",
            "match", "locale", "version", "setmaxstack", "ptree", "pcode"} do
        try(name .. " none", l[name])
        for _, key in ipairs{"n", "t", "f", "b", "s", "d", "p", "e", "neg", "frac"} do
            if not (name == "setmaxstack" or name == "locale" and key == "t") then try(name .. " " .. key, l[name], values[key]) end
        end
        for _, key in ipairs{"n", "t", "f", "b", "s", "d", "p"} do
            if name ~= "setmaxstack" then try(name .. " p " .. key, l[name], P"x", values[key]) end
        end
    end
    local mt = getmetatable(P(1))
    for _, name in ipairs{"__add", "__mul", "__sub", "__div", "__pow", "__len", "__unm", "__gc"} do
        try(name .. " none", mt[name])
        for _, key in ipairs{"n", "t", "f", "b", "s", "d", "p", "neg", "frac"} do
            try(name .. " p " .. key, mt[name], P"xy", values[key])
            try(name .. " " .. key .. " p", mt[name], values[key], P"xy")
        end
    end
    try("setmaxstack 0", l.setmaxstack, 0)
    try("setmaxstack -1", l.setmaxstack, -1)
    try("setmaxstack large", l.setmaxstack, 21474837)
    try("setmaxstack text", l.setmaxstack, "x")
    try("setmaxstack ok", l.setmaxstack, "400")
    try("Carg 0", Carg, 0)
    try("Carg 32767", Carg, 32767)
    try("Carg 32768", Carg, 32768)
    try("div 32767", function() return P"x" / 32767 end)
    try("div 32768", function() return P"x" / 32768 end)
    try("div -1", function() return P"x" / -1 end)
    try("R 3", R, "az", "abc")
    try("R empty", R, "za")
    try("B 255", B, 255)
    try("B 256", B, 256)
    try("B V", B, V"x")
    try("B empty", B, "")
    try("B choice", B, P"ab" + "cd")
    try("B choice of two", B, P"ab" + "c")
    try("B not", B, -P"ab")
    try("loop of nothing", function() return P(true)^0 end)
    try("loop of option", function() return P"a"^-1^1 end)
    try("loop of predicate", function() return (#P"a")^0 end)
    try("loop of behind", function() return B"a"^0 end)
    try("loop of position", function() return Cp()^0 end)
    try("loop of function", function() return P(function() end)^0 end)
    try("loop of rule", function() return V"x"^0 end)
    try("bounded option", function() return (P"a"^-1)^-3 end)
    try("too large", function() return P(1e9) end)
    try("too large", function() return P(-1e9) end)
    try("too large", function() return P"abc"^1e8 end)
    try("too large", function() return P"abc"^-1e8 end)
    try("type", l.type, P"x")
    for _, v in ipairs{"x", 1, true, {}, l} do try("type", l.type, v) end
    show("version", l.version(), l.version)
    show("global", lpeg == l, require "lpeg" == l)
    local names = {}
    for k in pairs(l) do names[#names + 1] = k end
    show("names", table.concat(names, " "))
    names = {}
    for k in pairs(mt) do names[#names + 1] = k end
    show("metatable", table.concat(names, " "), mt.__index == l)
    inject_payload("txt", "result")
end
