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

local module = require "streaming_algorithms.matrix"

function process_message() return 0 end

local function names(of)
    local out = {}
    for name in pairs(of) do out[#out + 1] = name end
    table.sort(out)
    return table.concat(out, " ")
end

function timer_event(ns, shutdown)
    if not shutdown then return end

    show("module", module == streaming_algorithms.matrix, names(streaming_algorithms), names(module))
    try("new", module.new)
    try("new of one", module.new, 1)
    try("new of four", module.new, 1, 1, "int", 1)
    try("new of another type", module.new, 1, 1, "double")
    try("new of a number type", module.new, 1, 1, 5)
    try("new of a table type", module.new, 1, 1, {})
    try("new of nil type", module.new, 1, 1, nil)
    for _, value in ipairs{"2", "x", 0, -1, 0/0, 1/0, 1.9, 0.9, 4294967297, 2147483648, 2147483647} do
        try("rows " .. text(value), module.new, value, 1)
        try("columns " .. text(value), module.new, 1, value, "float")
    end
    try("large", module.new, 2147483647, 2147483647)
    try("large", module.new, 2147483647, 2147483647, "float")
    try("large", module.new, 65536, 65536)
    try("large", module.new, 10000, 10000)
    local int, float = module.new(3, 4), module.new(2, 3, "float")
    for label, matrix in pairs{int = int, float = float} do
        show(label, names(getmetatable(matrix)), matrix:get_configuration())
        for _, method in ipairs{"__tostring", "add", "clear_row", "fromstring", "get", "get_configuration", "get_row", "merge", "pcc", "set", "sum"} do
            try(label .. method .. " of nothing", matrix[method])
            try(label .. method .. " of itself", matrix[method], matrix)
            try(label .. method .. " of text", matrix[method], matrix, "x")
            try(label .. method .. " of nil", matrix[method], matrix, nil)
            try(label .. method .. " of a table", matrix[method], {}, 1, 1, 1)
            try(label .. method .. " of 1", matrix[method], matrix, 1)
            try(label .. method .. " of 1, 1", matrix[method], matrix, 1, 1)
            try(label .. method .. " of 1, 1, 1", matrix[method], matrix, 1, 1, 1)
            try(label .. method .. " of 1, 1, 1, 1", matrix[method], matrix, 1, 1, 1, 1)
            try(label .. method .. " of 1, 1, text", matrix[method], matrix, 1, 1, "x")
            try(label .. method .. " of 1, text, 1", matrix[method], matrix, 1, "x", 1)
            try(label .. method .. " of text, 1, 1", matrix[method], matrix, "x", 1, 1)
            try(label .. method .. " of numeric texts", matrix[method], matrix, "1", "2", "3.5")
            try(label .. method .. " of 0", matrix[method], matrix, 0)
            try(label .. method .. " of 4", matrix[method], matrix, 4)
            try(label .. method .. " of 1, 0, 1", matrix[method], matrix, 1, 0, 1)
            try(label .. method .. " of 1, 5, 1", matrix[method], matrix, 1, 5, 1)
            try(label .. method .. " of 0, 5, 1", matrix[method], matrix, 0, 5, 1)
            try(label .. method .. " of 1, max", matrix[method], matrix, 1, "max")
            try(label .. method .. " of 1, x", matrix[method], matrix, 1, "x")
            try(label .. method .. " of 1, max, more", matrix[method], matrix, 1, "max", 1, 2)
            try(label .. method .. " of itself and itself", matrix[method], matrix, matrix)
            try(label .. method .. " of itself and the other", matrix[method], matrix, label == "int" and float or int)
            try(label .. method .. " of itself and set", matrix[method], matrix, matrix, "set")
            try(label .. method .. " of itself and x", matrix[method], matrix, matrix, "x")
            try(label .. method .. " of another and set", matrix[method], matrix, {}, "set", 1)
        end
        show(label, tostring(matrix))
        try("as output", add_to_payload, matrix)
    end
    for label, state in pairs{short = ("\0"):rep(55), long = ("\0"):rep(57), empty = "", rows = "\4\0\0\0\4\0\0\0" .. ("\0"):rep(48), columns = "\3\0\0\0\3\0\0\0" .. ("\0"):rep(48), right = "\3\0\0\0\4\0\0\0" .. ("\1"):rep(48)} do
        int:add(1, 1, 1)
        try(label, int.fromstring, int, state)
        show("cleared", int:get(1, 1), int:sum(3))
    end
    for label, state in pairs{short = ("\0"):rep(31), long = ("\0"):rep(33), empty = "", rows = "\4\0\0\0\3\0\0\0" .. ("\0"):rep(24), columns = "\2\0\0\0\2\0\0\0" .. ("\0"):rep(24), right = "\2\0\0\0\3\0\0\0" .. ("\1"):rep(24)} do
        float:add(1, 1, 1)
        try(label, float.fromstring, float, state)
        show("cleared", float:get(1, 1), float:sum(2))
    end
    inject_payload("txt", "result")
end
