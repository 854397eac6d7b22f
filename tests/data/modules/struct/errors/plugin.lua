require "string"
require "table"
local function show(v)
    if type(v) == "string" then
        return '"' .. v:gsub("[^\32-\126]", function(c) return string.format("\\%03d", c:byte()) end) .. '"'
    elseif type(v) == "number" then
        return string.format("%.17g", v)
    end
    return type(v) == "boolean" and tostring(v) or type(v)
end
local function line(label, ...)
    local out = {}
    for i = 1, select("#", ...) do out[i] = show((select(i, ...))) end
    add_to_payload(label, ": ", table.concat(out, " "), "\n")
end
local function try(label, f, ...) line(label, pcall(f, ...)) end
local seed = 42
local function random(n)
    seed = (seed * 1103515245 + 12345) % 2147483648
    return math.floor(seed / 65536) % n
end
require "math"
require "struct"

function process_message() return 0 end

function timer_event(ns, shutdown)
    if not shutdown then return end
    for _, name in ipairs{"pack", "unpack", "size"} do
        local f = struct[name]
        try(name, f)
        try(name, f, nil)
        try(name, f, {})
        try(name, f, 5)
        try(name, f, "b")
        try(name, f, "b", "x")
        try(name, f, "b", {})
        try(name, f, "bb", 1)
        try(name, f, "b\0q", "1")
        try(name, f, "")
        try(name, f, "", "")
        for byte = 1, 255 do
            local option = string.char(byte)
            try(name .. " " .. byte, f, option, "1234567890", 1)
        end
        for _, format in ipairs{"i33", "I33", "i99999999999", "i-1", "!3", "!0", "!2147483648", "!12345678901", "b3", "3",
            "fd", "ss", "xxx", ">><<", "c0c0", "bc0"} do
            try(name .. " " .. format, f, format, "12")
        end
    end
    try("where", function() struct.pack("i33", 1) end)
    try("where", function() struct.pack("!3", 1) end)
    try("where", function() struct.pack("q", 1) end)
    try("where", function() struct.unpack("s", "abc") end)
    try("where", function() struct.unpack("c0", "abc") end)
    try("method", function() return ("bb"):pack(1, 2) end)
    inject_payload("txt", "result")
end
