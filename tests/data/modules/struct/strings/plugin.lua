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
    try("c", struct.pack, "c", "abc")
    try("c2", struct.pack, "c2c1", "abc", "x")
    try("c4", struct.pack, "c4", "abc")
    try("second", struct.pack, "bc4", 1, "abc")
    try("c0", struct.pack, "c0", "a\0b")
    try("c0 empty", struct.pack, "c0c0", "", "x")
    try("s", struct.pack, "sss", "abc", "", "d\0e")
    try("number as text", struct.pack, "sc2", 12.5, 345)
    try("c huge", struct.pack, "c99999", "abc")
    try("c overflow", struct.pack, "c4294967298", "abc")
    try("c negative", struct.pack, "c4294967295", "abc")
    try("c negative size", struct.size, "c4294967295")
    try("i negative size", struct.size, "i4294967295b")
    try("u c", struct.unpack, "cc2c0", "abc")
    try("u c0", struct.unpack, "bc0b", "\2abc")
    try("u c0 short", struct.unpack, "bc0", "\4abc")
    try("u c0 zero", struct.unpack, "bc0b", "\0abc")
    try("u c0 c0", struct.unpack, "bc0c0", "\1" .. "3abc")
    try("u c0 text size", struct.unpack, "c1c0", "2abc")
    try("u c0 no number", struct.unpack, "c1c0", "xabc")
    try("u c0 first", struct.unpack, "c0", "abc")
    try("u c0 first is data", struct.unpack, "c0", "3")
    try("u c0 first is data", struct.unpack, "c0", "1")
    try("u c0 first is data", struct.unpack, "c0bc0", "02")
    try("u c0 fraction", struct.unpack, "dc0", struct.pack("d", 2.9) .. "abc")
    try("u c0 negative fraction", struct.unpack, "dc0", struct.pack("d", -0.9) .. "abc")
    try("u c0 nan", struct.unpack, "dc0", struct.pack("d", 0/0) .. "abc")
    try("u c0 2^64", struct.unpack, "dc0", struct.pack("d", 2^64) .. "abc")
    try("u c0 after x", struct.unpack, "bxc0", "\2-abc")
    try("u s", struct.unpack, "sss", "abc\0\0d\0e")
    try("u s unfinished", struct.unpack, "ss", "abc\0de")
    try("u s at end", struct.unpack, "s", "")
    try("u s", struct.unpack, "s", "\0")
    try("u i negative", struct.unpack, ">i4294967295b", "abc", 2)
    try("u i negative", struct.unpack, "<I4294967295b", "abc", 2)
    try("u i negative", struct.unpack, "i4294967295b", "abc")
    try("u c negative", struct.unpack, "c4294967295b", "abc")
    for position = -12, 6 do
        try("position " .. position, struct.unpack, "b", "abc", position)
        try("position " .. position, struct.unpack, "x", "abc", position)
        try("position " .. position, struct.unpack, "", "abc", position)
        try("position " .. position, struct.unpack, " ", "abc", position)
        try("position " .. position, struct.unpack, "s", "ab\0", position)
        if position > -8 then
            try("position " .. position, struct.unpack, "<I8", "abcdefgh", position)
            try("position " .. position, struct.unpack, ">I4c2", "abcdefgh", position)
            try("position " .. position, struct.unpack, "c9", "abcdefgh", position)
            try("position " .. position, struct.unpack, "!d", "abcdefghijklmnopqrst", position)
            try("position " .. position, struct.unpack, "f", "abcdefghijklmnopqrst", position)
        end
    end
    try("position 1e300", struct.unpack, "b", "abc", 1e300)
    try("position -1e300", struct.unpack, "b", "abc", -1e300)
    try("position 1.9", struct.unpack, "b", "abc", 1.9)
    try("position nil", struct.unpack, "b", "abc", nil)
    try("position text", struct.unpack, "b", "abc", "2")
    try("position bad", struct.unpack, "b", "abc", "x")
    try("long", function() return #struct.pack("c0sc0", ("x"):rep(9000), ("y"):rep(9000), "z") end)
    try("long", struct.unpack, "sb", ("y"):rep(300) .. "\0z")
    try("many", function() return select("#", struct.unpack(("b"):rep(7000), ("y"):rep(7000))) end)
    try("too many", function() return select("#", struct.unpack(("b"):rep(9000), ("y"):rep(9000))) end)
    try("limit", function() return select("#", struct.unpack(("b"):rep(7997), ("y"):rep(9000))) end)
    try("limit", function() return select("#", struct.unpack(("b"):rep(7998), ("y"):rep(9000))) end)
    try("limit", function() return select("#", struct.unpack(("b"):rep(7999), ("y"):rep(9000))) end)
    inject_payload("txt", "result")
end
