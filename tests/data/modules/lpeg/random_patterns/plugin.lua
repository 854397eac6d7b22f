require "math"
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


function process_message() return 0 end

-- Patterns made by chance, each matched against subjects made by chance: what tests the compiler puts in the place of
-- choices, and how captures are made, may not show.
local seed = 20260131
local function random(n)
    seed = (seed * 1103515245 + 12345) % 2147483648
    return math.floor(seed / 65536) % n + 1
end

local calls = 0
-- Production does not survive values of match-time captures in a predicate: a pattern has either.
local has_values

local function note(s, i, ...)
    calls = calls + 1
    if calls % 3 == 0 then return false end
    if has_values then return i, ... end
    return i
end

local leaves = {
    function() return P"a" end,
    function() return P"b" end,
    function() return P"ab" end,
    function() return P"abc" end,
    function() return P(random(3) - 1) end,
    function() return P(-random(2)) end,
    function() return S"abc" end,
    function() return S"" end,
    function() return R"\0\255" end,
    function() return R"bd" end,
    function() return 1 - S"ac" end,
    function() return P(random(2) == 1) end,
    function() return P"" end,
    function() return B(P(random(2) == 1 and "a" or "bc")) end,
    function() return Cp() end,
    function() return Cc(random(9), "k") end,
    function() return Carg(random(2)) end,
    function() return V(random(3)) end,
    function() return V(random(3)) end,
    function() return P(note) end,
}

local build
local function less(depth) return build(depth - random(2)) end
local nodes = {
    function(d) return less(d) * less(d) end,
    function(d) return less(d) * less(d) end,
    function(d) return less(d) * less(d) * less(d) end,
    function(d) return less(d) + less(d) end,
    function(d) return less(d) + less(d) end,
    function(d) return less(d) + less(d) + less(d) end,
    function(d) return less(d) - less(d) end,
    function(d) return -less(d) end,
    function(d) return has_values and less(d) or #less(d) end,
    function(d) return less(d)^(random(5) - 3) end,
    function(d) return less(d)^0 end,
    function(d) return less(d)^-1 end,
    function(d) return C(less(d)) end,
    function(d) return Ct(less(d)) end,
    function(d) return Cg(less(d)) end,
    function(d) return Cg(less(d), "n") end,
    function(d) return Cs(less(d)) end,
    function(d) return Cf(less(d), function(a, b) return tostring(a) .. "," .. tostring(b) end) end,
    function(d) return less(d) / "%0%1" end,
    function(d) return less(d) / {a = 1, b = "x", ab = true} end,
    function(d) return less(d) / function(...) return select("#", ...), (...) end end,
    function(d) return less(d) / (random(3) - 1) end,
    function(d) return Cmt(less(d), note) end,
    function(d) return Cg(less(d), "n") * Cb"n" end,
}

function build(depth)
    if depth <= 0 then return leaves[random(#leaves)]() end
    for _ = 1, 10 do
        local ok, p = pcall(nodes[random(#nodes)], depth)
        if ok then return p end
    end
    return P"a"
end

local subjects = {"", "a", "b", "ab", "abc", "aabb", "bcbc"}
for n = 1, 6 do
    local bytes = {}
    for i = 1, random(12) do bytes[i] = ("abcd"):sub(random(4), -1):sub(1, 1) end
    subjects[#subjects + 1] = table.concat(bytes)
end

local sum, matched, failed, raised = 0, 0, 0, 0
local function add(text)
    for i = 1, #text do sum = (sum * 31 + text:byte(i)) % 4294967291 end
end

local function describe(...)
    local out = {}
    for i = 1, select("#", ...) do out[i] = (dump((select(i, ...)))) end
    return table.concat(out, " ")
end

function timer_event(ns, shutdown)
    if not shutdown then return end
    for n = 1, 2000 do
        calls, has_values = 0, n % 2 == 0
        local ok, p = pcall(function() return P{build(4), build(3), build(2)} end)
        if not ok then ok, p = pcall(function() return P{(P"a" + build(3)) * build(2), P"b" * build(2), build(1)} end) end
        if not ok then
            add_to_payload(n, " ", p, "\n")
            add(p)
        else
            local all = {}
            for i, s in ipairs(subjects) do
                local res = describe(pcall(l.match, p, s, 1, "x1"))
                all[i] = res
                add(res)
                if res == "true nil" then failed = failed + 1
                elseif res:sub(1, 4) == "true" then matched = matched + 1
                else raised = raised + 1 end
            end
            add(tostring(calls))
            if n % 20 == 0 then add_to_payload(n, ": ", table.concat(all, " | "), " calls ", calls, "\n") end
        end
        if n % 50 == 0 then add_to_payload(n, " sum ", sum, "\n") end
    end
    add_to_payload("matched ", matched, " failed ", failed, " raised ", raised, "\n")
    inject_payload("txt", "result")
end
