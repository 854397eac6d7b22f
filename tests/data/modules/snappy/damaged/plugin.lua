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
require "snappy"

function process_message() return 0 end

function timer_event(ns, shutdown)
    if not shutdown then return end
    for _, name in ipairs{"compress", "uncompress", "decompress", "validate_compressed_buffer"} do
        local f = snappy[name]
        try(name, f)
        try(name, f, nil)
        try(name, f, {})
        try(name, f, 12345)
        try(name, f, "")
        try("where", function() f({}) end)
        try("where", function() f("\255") end)
    end
    local pieces = {"\0x", "\4xy", "\12abcd", "\1\1", "\5\2", "\17\4", "\2\1\0", "\254\3\0", "\254\1\0", "\3\1\0\0\0", "\255\4\0\0\0", "\240\4abcde",
        "\244\1\0xy", "\248\0\0\0z", "\252\0\0\0\0z", "\252\255\255\255\255", "\1\0", "\33\0", "\2\0\0", "\6\255\255"}
    local lengths = {"\0", "\1", "\5", "\20", "\128\1", "\200\1", "\128", "\255\255\255\255\15", "\129\128\128\128\16", "\128\128\128\128\128\0", "\129\128\0"}
    for i = 1, 1500 do
        local out = {}
        for j = 1, random(6) do out[j] = pieces[random(#pieces) + 1] or "\12wxyz" end
        local data = table.concat(out)
        data = (random(3) == 0 and lengths[random(#lengths) + 1] or string.char(random(40))) .. "\12abcd" .. data
        local ok, text = pcall(snappy.uncompress, data)
        local is_valid = snappy.validate_compressed_buffer(data)
        if ok or is_valid then line(i, is_valid, ok, text) end
    end
    inject_payload("txt", "result")
end
