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
require "zlib"

function process_message() return 0 end

-- Input in pieces, all flushes, what is left over, ended streams.
function timer_event(ns, shutdown)
    if not shutdown then return end
    for round = 1, 30 do
        local f, g = zlib.deflate(random(10)), zlib.inflate()
        local flushes = {"none", "sync", "full", nil}
        for step = 1, random(8) do
            local input = ("piece " .. random(1000)):rep(random(300))
            if random(4) == 0 then input = "" end
            local flush = flushes[random(4) + 1]
            local out, eof, n, m = f(input, flush)
            line(round .. " in", flush, #out, zlib.crc32()(out), eof, n, m)
            line(round .. " out", g(out))
        end
        local out, eof, n, m = f(nil)
        line(round .. " end", #out, zlib.crc32()(out), eof, n, m)
        line(round .. " out", g(out))
        try("again", f)
        try("again", f, nil)
        try("again", f, "x")
        try("again", f, 1)
        try("again", f, {}, "sync")
        try("again", g)
        try("again", g, "x")
    end
    local whole = zlib.deflate()("some text to be seen byte by byte", "finish")
    local g = zlib.inflate()
    for i = 1, #whole do line("byte " .. i, g(whole:sub(i, i))) end
    line("trailing", zlib.inflate()(whole .. "behind the end"))
    line("two", zlib.inflate()(whole .. whole))
    local f = zlib.deflate()
    line("no arguments", f())
    f = zlib.deflate()
    line("options", #f("abc", "none"), #f("abc", "sync"), #f("", "sync"), #f("abc", "full"), #f("abc", "finish"))
    f = zlib.deflate()
    line("other types", f({}, "none"))
    line("other types", f(true))
    line("other types", f(12.5, "sync"))
    line("other types", f("x", nil, "extra"))
    line("nil with option", f(nil, "sync"))
    try("bad option", zlib.deflate(), "x", "nope")
    try("bad option", zlib.deflate(), "x", {})
    try("option number", zlib.deflate(), "x", 3)
    local raw = zlib.deflate(9, -15)("raw text raw text", "finish")
    line("raw", raw, zlib.inflate(-15)(raw))
    local gz = zlib.deflate(9, 31)("gzip text gzip text", "finish")
    line("gzip", zlib.inflate(31)(gz))
    line("gzip", zlib.inflate()(gz))
    line("members", zlib.inflate(31)(gz .. gz))
    try("gzip as zlib", zlib.inflate(15), gz)
    try("zlib as gzip", zlib.inflate(31), whole)
    try("raw as zlib", zlib.inflate(), raw)
    inject_payload("txt", "result")
end
