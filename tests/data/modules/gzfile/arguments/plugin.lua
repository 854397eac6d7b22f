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
require "gzfile"

function process_message() return 0 end

function timer_event(ns, shutdown)
    if not shutdown then return end
    local keys = {}
    for k in pairs(gzfile) do keys[#keys + 1] = k end
    line("order", unpack(keys))
    line("version", gzfile.version(), pcall(gzfile.version, 1, 2))
    local values = {nil, 1, "x", {}, true}
    for _, name in ipairs{"open", "string"} do
        local f = gzfile[name]
        try(name, f)
        for i = 1, 5 do
            try(name .. " " .. i, f, values[i])
            try(name .. " mode " .. i, f, "none", values[i])
            try(name .. " buffer " .. i, f, "none", "rb", values[i])
            try(name .. " most " .. i, f, "none", "rb", 1, values[i])
            try(name .. " more " .. i, f, "none", "rb", 1, 1, values[i])
        end
        for _, number in ipairs{0, -1, 2^31, 2^32, 2^32 + 1, 0.5, 1e300, 0/0, "7"} do
            try(name .. " buffer", f, "none", "rb", number)
            try(name .. " most", f, "none", "rb", 1, number)
        end
        for _, mode in ipairs{"", "b", "x", "r+", "rT", "rr", "R", "r9", "rbz", "w+", "re"} do
            try(name .. " mode " .. mode, f, "none", mode)
            try(name .. " mode " .. mode, f, "file", mode:gsub("w", "r"))
        end
        try("where", function() f("none") end)
        try("where", function() f() end)
        try("nul", f, "file\0none")
    end
    local file = gzfile.open("file")
    local meta = getmetatable(file)
    keys = {}
    for k in pairs(meta) do keys[#keys + 1] = k end
    line("methods", unpack(keys))
    for _, name in ipairs{"close", "lines", "lines_tail", "seek", "__gc"} do
        local f = meta[name]
        try(name, f)
        try(name, f, nil)
        try(name, f, "x")
        try(name, f, {})
        try(name, f, io)
        for i = 1, 5 do
            try(name .. " " .. i, f, gzfile.open("file"), values[i])
            try(name .. " set " .. i, f, gzfile.open("file"), "set", values[i])
            try(name .. " more " .. i, f, gzfile.open("file"), 1, 1, values[i])
        end
    end
    for _, number in ipairs{0, -1, 2^31, 2^32 + 1, 0.5, 1e300, 0/0, "7"} do
        try("lines", function() return file:lines(number)() end)
    end
    line("tail", file:lines_tail(nil)())
    line("tail", file:lines_tail(0)())
    try("seek end", file.seek, file, "end", 0)
    try("seek", file.seek, file, "set", 0/0)
    try("seek", file.seek, file, "set", 1.9)
    try("seek", file.seek, file, nil, 2)
    try("seek", file.seek, file, nil, nil)
    local lines, tail = file:lines(), file:lines_tail()
    line("line", lines())
    line("close", file:close())
    line("close", file:close())
    try("lines", lines)
    try("tail", tail)
    try("lines", function() return file:lines()() end)
    try("tail", function() return file:lines_tail()() end)
    try("seek", file.seek, file)
    try("seek", file.seek, file, "cur", 1)
    try("tostring", function() return (tostring(file):gsub("0x%x+", "ADDRESS")) end)
    -- Both iterators share the file.
    file = gzfile.open("file")
    lines, tail = file:lines(3), file:lines_tail(true)
    for i = 1, 3 do line("shared", lines(), tail()) end
    file:close()
    inject_payload("txt", "result")
end
