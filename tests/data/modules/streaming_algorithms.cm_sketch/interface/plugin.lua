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

local module = require "streaming_algorithms.cm_sketch"

function process_message() return 0 end

local function names(of)
    local out = {}
    for name in pairs(of) do out[#out + 1] = name end
    table.sort(out)
    return table.concat(out, " ")
end

function timer_event(ns, shutdown)
    if not shutdown then return end

    show("module", module == streaming_algorithms.cm_sketch, names(streaming_algorithms), names(module))
    try("new", module.new)
    try("new of one", module.new, 0.1)
    try("new of three", module.new, 0.1, 0.1, 0.1)
    try("call", module, 0.1, 0.1)
    for _, value in ipairs{"0.5", "x", 0, 1, -1, 0/0, 1/0, 2, 1 - 2^-53, 0.99} do
        try("epsilon " .. text(value), module.new, value, 0.1)
        try("delta " .. text(value), module.new, 0.1, value)
    end
    try("both wrong", module.new, 2, 2)
    for _, value in ipairs{1e-9, 1e-12, 1e-15, 1e-18, 5e-19, 1e-30, 1e-300, 4.9e-324, 2.8e-10} do
        try("epsilon " .. text(value), module.new, value, 0.5)
        try("epsilon " .. text(value), module.new, value, 1e-300)
    end
    for _, value in ipairs{1e-9, 1e-300, 4.9e-324} do
        try("delta " .. text(value), module.new, 0.5, value)
        if value > 1e-310 then show("depth", (#tostring(module.new(0.5, value)) - 16) / 4 / 6) end
    end
    local sketch = module.new(0.3, 0.2)
    show("methods", names(getmetatable(sketch)))
    for _, method in ipairs{"__tostring", "clear", "fromstring", "item_count", "point_query", "unique_count", "update"} do
        try(method .. " of nothing", sketch[method])
        try(method .. " of itself", sketch[method], sketch)
        try(method .. " of text", sketch[method], sketch, "x")
        try(method .. " of nil", sketch[method], sketch, nil)
        try(method .. " of true", sketch[method], sketch, true)
        try(method .. " of a table", sketch[method], sketch, {})
        try(method .. " of two", sketch[method], sketch, "x", 2)
        try(method .. " of text and nil", sketch[method], sketch, "x", nil)
        try(method .. " of text and text", sketch[method], sketch, "x", "y")
        try(method .. " of three", sketch[method], sketch, "x", 2, 3)
        try(method .. " of another", sketch[method], {}, "x")
    end
    show("dump", tostring(sketch))
    for label, state in pairs{short = ("\0"):rep(95), long = ("\0"):rep(97), empty = ""} do
        sketch:update("x")
        try(label, sketch.fromstring, sketch, state)
        show("cleared", sketch:item_count(), sketch:unique_count(), sketch:point_query("x"))
    end
    try("as output", add_to_payload, sketch)
    local nothing = module.new(0.3, 1 - 2^-53)
    show("no rows", #tostring(nothing), nothing:point_query("x"), nothing:update("x"), nothing:update("x", 5), nothing:update("x", -2))
    show("no rows", nothing:update("x", -2147483648), nothing:item_count(), nothing:unique_count())
    inject_payload("txt", "result")
end
