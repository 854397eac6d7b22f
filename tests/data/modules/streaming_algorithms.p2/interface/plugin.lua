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

local before = streaming_algorithms
local p2 = require "streaming_algorithms.p2"

function process_message() return 0 end

local function names(of)
    local out = {}
    for name in pairs(of) do out[#out + 1] = name end
    table.sort(out)
    return table.concat(out, " ")
end

function timer_event(ns, shutdown)
    if not shutdown then return end

    show("module", before, p2 == streaming_algorithms.p2, names(streaming_algorithms), names(p2))
    show("metatables", getmetatable(streaming_algorithms) ~= nil, getmetatable(p2) ~= nil, names(getmetatable(p2)))
    for name in pairs(p2) do show("order", name) end
    local quantile, histogram = p2.quantile(0.5), p2.histogram(4)
    show("quantile", names(getmetatable(quantile)))
    show("histogram", names(getmetatable(histogram)))
    for _, name in ipairs{"quantile", "histogram"} do
        try(name .. " of nothing", p2[name])
        try(name .. " of two", p2[name], 0.5, 0.5)
        try(name .. " of nil", p2[name], nil)
        try(name .. " of text", p2[name], "x")
        for _, value in ipairs{"0.5", "5", 0, 1, -1, 0/0, 1/0, 1e-300, 1 - 1e-16, 3, 3.999, 4, 4.9, 65533.9, 65534.5, 65535, 65536} do
            try(name .. " of " .. text(value), p2[name], value)
        end
    end
    for label, object in pairs{quantile = quantile, histogram = histogram} do
        for _, method in ipairs{"add", "clear", "count", "estimate", "fromstring", "__tostring"} do
            try(label .. " " .. method .. " of nothing", object[method])
            try(label .. " " .. method .. " of itself", object[method], object)
            try(label .. " " .. method .. " of text", object[method], object, "x")
            try(label .. " " .. method .. " of nil", object[method], object, nil)
            try(label .. " " .. method .. " of two", object[method], object, 1, 2)
            try(label .. " " .. method .. " of a table", object[method], {}, 1)
            try(label .. " " .. method .. " of the other", object[method], label == "quantile" and histogram or quantile, 1)
        end
    end
    quantile:clear()
    histogram:clear()
    show("texts", quantile:add("1"), histogram:add("2"))
    for _, marker in ipairs{0, 4, 4.9, 5, 4.999999, -0.1, -1, "2", 0/0, 1/0, 65536, 4294967296} do
        try("before " .. text(marker), quantile.estimate, quantile, marker)
        try("before " .. text(marker), quantile.count, quantile, marker)
        try("before " .. text(marker), histogram.estimate, histogram, marker)
        try("before " .. text(marker), histogram.count, histogram, marker)
    end
    for i = 1, 12 do show("add " .. i, quantile:add(i * 7 % 11), histogram:add(i * 7 % 11)) end
    for _, marker in ipairs{0, 1, 2, 3, 4, 4.9, 5, 3.9, "2"} do
        try("after " .. text(marker), quantile.estimate, quantile, marker)
        try("after " .. text(marker), quantile.count, quantile, marker)
        try("after " .. text(marker), histogram.estimate, histogram, marker)
        try("after " .. text(marker), histogram.count, histogram, marker)
    end
    show("dumps", tostring(quantile), tostring(histogram))
    try("as output", add_to_payload, quantile)
    try("as output", add_to_payload, histogram)
    local again = require "streaming_algorithms.p2"
    show("again", again == p2)
    inject_payload("txt", "result")
end
