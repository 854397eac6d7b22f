require "string"
require "table"
require "lpeg"
local re = require "re"

local function dump(v)
    if type(v) == "string" then return string.format("%q", v):gsub("\r", "\\r"):gsub("%z", "\\0") end
    if type(v) == "userdata" then return lpeg.type(v) or "userdata" end
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
local function m(label, ...) show(label, pcall(re.match, ...)) end

function process_message() return 0 end

function timer_event(ns, shutdown)
    if not shutdown then return end
    try("", re.compile, "'a' -> x", {x=true})
    try("", re.compile, "'a' -> x", {})
    try("", re.compile, "'a' -> x")
    try("", re.compile, "'a' ~> x", {x=true})
    try("", re.compile, "'a' => x", {x=true})
    try("", re.compile, "a <- 'x' a <- 'y'")
    try("", re.compile, "a <- b")
    try("", re.compile, "a <- a")
    try("", re.compile, "''*")
    try("", re.compile, "%x1")
    try("", re.compile, "[%foo]")
    try("", re.compile, "foo")
        try("", re.compile, "'a' -> 99999")
    try("", re.compile, 12)
    try("", re.compile, {})
    try("", re.compile)
    try("", re.compile, true)
    try("", re.match, nil, "x")
    try("", re.match, "x")
    try("", re.match, "x", "'x'", {})
    try("", re.find, nil, "x")
    try("", re.find, "x", "foo")
    try("", re.find, {}, "'x'")
    try("", re.find, "xx", "'x'", "a")
    try("", re.gsub, nil, "'x'", "y")
    try("", re.gsub, "x", "'x'*", "y")
    try("", re.gsub, "x", "'x'")
    try("", re.gsub, "x", "'x'", true)
    try("", re.gsub, "xyx", "'x'", 12)
    try("", re.compile, "{} -> 'a' ) x")
    try("", re.compile, "=a")
    try("", re.match, "aa", "=a")
    try("", re.match, "ab", "{:a: . :} =b")
    try("", re.compile, "a\0b")
    for n = 10, 60 do local ok, e = pcall(re.compile, ("("):rep(n) .. "'a'" .. (")"):rep(n)) if not ok then add_to_payload("paren ", n, " ", e, "\n") break end end
    for n = 10, 90 do local ok, e = pcall(re.compile, ("{"):rep(n) .. "'a'" .. ("}"):rep(n)) if not ok then add_to_payload("brace ", n, " ", e, "\n") break end end
    for n = 10, 900 do local ok, e = pcall(re.compile, ("!"):rep(n) .. "'a'") if not ok then add_to_payload("not ", n, " ", e, "\n") break end end
    for n = 10, 900 do local ok, e = pcall(re.compile, ("a <- "):rep(n) .. "'a'") if not ok then add_to_payload("gram ", n, " ", e, "\n") break end end
    for _, text in ipairs{"(", ")", "[", "[a", "{", "{:", "{~ a", "{|", "'a", '"a', "*", "+", "?", "^", "a <-", "a <- *", "<a",
            "'a' ^", "'a' ->", "'a' -> %", "'a' =>", "'a' ~>", "=", "%", "%1", "&", "!", "'a' / *", "<- a", "a <- 'x' -> y",
            "'a' 01234567890123456789", "'a' *0123456789012345678", "'a' *012345678901234567890", "{:x:}", "{:x 'a':}",
            "a b <- c", "'a' 'b' }"} do
        try(text, re.compile, text)
    end
    inject_payload("txt", "result")
end
