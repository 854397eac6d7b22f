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
require "bit"

function process_message() return 0 end

-- Words of a well-known use: MD5's steps over words made of noise.
function timer_event(ns, shutdown)
    if not shutdown then return end
    local a, b, c, d = 0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476
    for i = 1, 150 do
        local word = random(32768) * 65536 + random(32768)
        local mixed = bit.bxor(d, bit.band(b, bit.bxor(c, d))) + a + word
        a, d, c, b = d, c, b, bit.rol(mixed, random(40)) + b
        line(i, bit.tobit(a), bit.tohex(b), bit.tohex(c, random(20) - 10), bit.bswap(d), bit.arshift(a, random(40)),
            bit.ror(b, i), bit.rshift(c, i), bit.lshift(d, i), bit.bnot(a), bit.bor(a, b, c, d))
    end
    inject_payload("txt", "result")
end
