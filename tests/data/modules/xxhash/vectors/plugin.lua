require "string"
require "table"
require "math"
local out = {}
local function quote(s)
    return '"' .. string.gsub(s, '[%c\127-\255"\\]', function(c) return string.format("\\%03d", string.byte(c)) end) .. '"'
end
local function text(v)
    if type(v) == "string" then return quote(v) end
    if type(v) == "number" then return string.format("%.17g", v) end
    if type(v) == "boolean" or v == nil then return tostring(v) end
    return "<" .. type(v) .. ">"
end
local function say(label, ...)
    local list = {}
    for i = 1, select("#", ...) do list[i] = text((select(i, ...))) end
    out[#out + 1] = label .. ": " .. table.concat(list, " ")
end
local function try(label, f, ...) say(label, pcall(f, ...)) end
local function names(label, t)
    local list = {}
    for k, v in pairs(t) do list[#list + 1] = tostring(k) .. "=" .. type(v) end
    say(label, table.concat(list, " "))
end
local seed = 12345
local function draw(n)
    seed = (seed * 1103515245 + 12345) % 2147483648
    return math.floor(seed / 65536) % n
end
local function flush() inject_payload("txt", "result", table.concat(out, "\n"), "\n") out = {} end
local function bytes(n)
    local list = {}
    for i = 1, n do list[i] = string.char(draw(256)) end
    return table.concat(list)
end
local KEYS = {"", "a", "\0", "\0\0", "a\0b", "\255\254", "1", 1, -1, 0, -0, 1 / -math.huge, 0 / 0, -(0 / 0), 1 / 0, -1 / 0, 1.5, 1e300, 5e-324, 2 ^ 53}
function process_message() return 0 end

require "xxhash"
function timer_event(ns, shutdown)
    if not shutdown then return end
    names("module", xxhash)
    say("global", xxhash == require "xxhash", type(getmetatable(xxhash)))
    for length = 0, 300 do
        local key = bytes(length)
        local s = draw(32768) * 131072 + draw(32768) * 4
        say("length " .. length, xxhash.h32(key), xxhash.h64(key), xxhash.h32(key, s), xxhash.h64(key, s * 65536 + draw(32768)))
    end
    for _, length in ipairs{1000, 4095, 4096, 65537} do
        local key = string.rep("0123456789abcde", length / 15) .. "!"
        say("length " .. #key, xxhash.h32(key), xxhash.h64(key), xxhash.h32(key, 1), xxhash.h64(key, 1))
    end
    for i, key in ipairs(KEYS) do say("key " .. i, xxhash.h32(key), xxhash.h64(key), xxhash.h32(key, 99), xxhash.h64(key, 99)) end
    for i, s in ipairs{0, -0, 1, .5, 1.9, "7", " 0x10 ", 2 ^ 31, 2 ^ 32 - 1, 2 ^ 32 - .5, 2 ^ 32, 2 ^ 53, 2 ^ 63, 2 ^ 63 + 2048, 2 ^ 64 - 2048, 2 ^ 64, 2 ^ 65, -1, -.5, 0 / 0, 1 / 0, -1 / 0} do
        try("h32 seed " .. i, xxhash.h32, "foobar", s)
        try("h64 seed " .. i, xxhash.h64, "foobar", s)
    end
    for name, f in pairs(xxhash) do
        try(name .. " none", f)
        try(name .. " nil", f, nil)
        try(name .. " nil seed", f, "x", nil)
        try(name .. " true", f, true)
        try(name .. " table", f, {})
        try(name .. " function", f, print, -1)
        try(name .. " seed true", f, "x", true)
        try(name .. " seed text", f, "x", "seed")
        try(name .. " seed table", f, 5, {})
        try(name .. " surplus", f, "x", 1, {}, nil)
    end
    try("call", function() return xxhash.h32() end)
    try("seed", function() return xxhash.h64("x", -1) end)
    flush()
end
