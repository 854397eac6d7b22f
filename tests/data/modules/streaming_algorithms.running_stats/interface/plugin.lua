require "string"
require "table"

local function text(value)
    if type(value) == "string" then
        return '"' .. value:gsub("[^ -~]", function(byte) return ("\\x%02x"):format(byte:byte()) end) .. '"'
    end
    if type(value) == "number" then return ("%.17g"):format(value) end
    if type(value) == "userdata" or type(value) == "table" or type(value) == "function" then
        return "<" .. type(value) .. ">"
    end
    return tostring(value)
end

local function show(label, ...)
    local out = {}
    for i = 1, select("#", ...) do out[i] = text((select(i, ...))) end
    add_to_payload(label, ": ", table.concat(out, " "), "\n")
end

local function try(label, f, ...) show(label, pcall(f, ...)) end

-- Numbers from 0 to below n, the same everywhere.
local seed = 12345
local function random(n)
    seed = (seed * 16807) % 2147483647
    return seed % n
end

local module = require "streaming_algorithms.running_stats"

function process_message() return 0 end

local function names(of)
    local out = {}
    for name in pairs(of) do out[#out + 1] = name end
    table.sort(out)
    return table.concat(out, " ")
end

function timer_event(ns, shutdown)
    if not shutdown then return end

    show("module", module == streaming_algorithms.running_stats, names(streaming_algorithms), names(module))
    try("new", module.new)
    try("new of one", module.new, 1)
    try("new of nil", module.new, nil)
    local stats = module.new()
    show("methods", names(getmetatable(stats)))
    for _, method in ipairs{"__tostring", "add", "avg", "clear", "count", "fromstring", "sd", "usd", "variance"} do
        try(method .. " of nothing", stats[method])
        try(method .. " of itself", stats[method], stats)
        try(method .. " of text", stats[method], stats, "x")
        try(method .. " of nil", stats[method], stats, nil)
        try(method .. " of two", stats[method], stats, 1, 2)
        try(method .. " of a table", stats[method], {})
    end
    show("dump", tostring(stats))
    show("text", stats:add("2.5"), stats:avg(), stats:count())
    show("dump", tostring(stats))
    for label, state in pairs{short = ("\0"):rep(23), long = ("\0"):rep(25), empty = "", negative = ("\0"):rep(6) .. "\240\191" .. ("\0"):rep(16)} do
        stats:add(3)
        try(label, stats.fromstring, stats, state)
        show("cleared", stats:count(), stats:avg(), stats:sd())
    end
    local nan, minus, inf = ("\0"):rep(6) .. "\248\127", ("\0"):rep(6) .. "\240\191", ("\0"):rep(6) .. "\240\127"
    local two = ("\0"):rep(7) .. "\64"
    for i, state in ipairs{nan .. nan .. nan, two .. two .. minus, inf .. inf .. inf, two .. nan .. minus, "\1" .. ("\0"):rep(23), ("\0"):rep(7) .. "\128" .. two .. two} do
        try("lie " .. i, stats.fromstring, stats, state)
        show("values", stats:count(), stats:avg(), stats:sd(), stats:usd(), stats:variance())
        show("add", stats:add(4), stats:add(-4), stats:count(), stats:avg(), stats:sd(), stats:usd(), stats:variance())
    end
    try("as output", add_to_payload, stats)
    inject_payload("txt", "result")
end
