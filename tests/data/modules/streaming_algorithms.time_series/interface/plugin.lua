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

local module = require "streaming_algorithms.time_series"

function process_message() return 0 end

local function names(of)
    local out = {}
    for name in pairs(of) do out[#out + 1] = name end
    table.sort(out)
    return table.concat(out, " ")
end

function timer_event(ns, shutdown)
    if not shutdown then return end

    show("module", module == streaming_algorithms.time_series, names(streaming_algorithms), names(module))
    try("new", module.new)
    try("new of one", module.new, 1)
    try("new of three", module.new, 2, 1, "int")
    for _, value in ipairs{"2", "x", 0, 1, -1, 0/0, 1/0, 2.9, 0.5, 4294967298, 2147483647, 2^63, 2^64, 2^64 - 2048, 2^64 + 4096, 1e30} do
        try("rows " .. text(value), module.new, value, 1)
        try("ns " .. text(value), module.new, 2, value)
        local ok, series = pcall(module.new, 2, value)
        if ok then show("configuration", series:get_configuration()) show("time", series:current_time()) end
    end
    local series = module.new(4, 10)
    show("methods", names(getmetatable(series)))
    for _, method in ipairs{"__tostring", "add", "current_time", "fromstring", "get", "get_configuration", "get_range", "matrix_profile", "merge", "set", "stats"} do
        try(method .. " of nothing", series[method])
        try(method .. " of itself", series[method], series)
        try(method .. " of text", series[method], series, "x")
        try(method .. " of nil", series[method], series, nil)
        try(method .. " of a table", series[method], {}, 1, 1)
        for _, ns in ipairs{"30", 0, -1, 39.9, 0/0, 1/0, 2^64 + 4096} do
            try(method .. " of " .. text(ns), series[method], series, ns)
            try(method .. " of " .. text(ns) .. ", 2", series[method], series, ns, 2)
            try(method .. " of " .. text(ns) .. ", 2, sum", series[method], series, ns, 2, "sum")
        end
        try(method .. " of 30, text", series[method], series, 30, "x")
        try(method .. " of 30, nil", series[method], series, 30, nil)
        try(method .. " of 30, 5", series[method], series, 30, 5)
        try(method .. " of 30, 0", series[method], series, 30, 0)
        try(method .. " of 30, -5", series[method], series, 30, -5)
        try(method .. " of nil, 2", series[method], series, nil, 2)
        try(method .. " of nil, 2, x", series[method], series, nil, 2, "x")
        try(method .. " of nil, 2, avg, true", series[method], series, nil, 2, "avg", true)
        try(method .. " of nil, 2, avg, true, 1", series[method], series, nil, 2, "avg", true, 1)
        try(method .. " of itself and itself", series[method], series, series)
        try(method .. " of itself and itself, set", series[method], series, series, "set")
        try(method .. " of itself and itself, x", series[method], series, series, "x")
        try(method .. " of a coarser", series[method], series, module.new(3, 11))
        try(method .. " of a finer", series[method], series, module.new(3, 9))
        try(method .. " of a finer, x", series[method], series, module.new(3, 9), "x")
    end
    local long = module.new(64, 1)
    for _, arguments in ipairs{{64, 16, 100}, {65, 16, 100}, {64, 17, 100}, {64, 3, 100}, {64, -1, 100}, {64, 4, 0}, {64, 4, 100.5}, {64, 4, 0/0},
        {64, 4, -1}, {"x", 4, 1}, {64, "x", 1}, {64, 4, "x"}, {64, 4, 1, "x"}, {64, 4, 1, 5}, {15, 4, 100, "mp"}, {-64, -64, 100}, {3, 0, 100}, {64, 4, 1, "mp", 1, 2}} do
        try("profile", long.matrix_profile, long, nil, unpack(arguments))
        try("profile at 0", long.matrix_profile, long, 0, unpack(arguments))
        try("profile at 63", long.matrix_profile, long, 63, unpack(arguments))
        try("profile at 1000", long.matrix_profile, long, 1000, unpack(arguments))
    end
    try("as output", add_to_payload, series)
    local head = ("\0"):rep(8) .. "\10" .. ("\0"):rep(7)
    for label, state in pairs{short = ("\0"):rep(39), long = ("\0"):rep(41), empty = "", ns = ("\0"):rep(40), rows = head .. "\5\0\0\0" .. ("\0"):rep(20), right = head .. "\4\0\0\0" .. ("\1"):rep(20)} do
        series:add(30, 1)
        try(label, series.fromstring, series, state)
        show("cleared", series:current_time(), series:get(30), series:get(0), tostring(series):sub(1, 36))
    end
    inject_payload("txt", "result")
end
