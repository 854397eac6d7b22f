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
local names = {"plain.log", "lines.gz", "long.gz", "members.gz", "trailing.gz", "zeros_behind.gz", "truncated.gz", "no_trailer.gz",
    "bad_crc.gz", "bad_length.gz", "damaged.gz", "bad_method.gz", "empty", "nothing.gz", "one_byte", "magic", "header.gz", "newline",
    "newlines.gz", "nul.gz", "zlib_format", "named.gz", "full1.gz", "full2.gz", "full3.gz", "full9.gz", "full10.gz", "full11.gz",
    "full12.gz", "full20.gz", "more.gz", "folder", "missing", "folder/keep"}
local function sum(s)
    local a, b = 1, 0
    for i = 1, #s do
        a = (a + s:byte(i)) % 65521
        b = (b + a) % 65521
    end
    return b * 65536 + a
end
local function shorter(...)
    local ok, s = ...
    if type(s) == "string" and #s > 80 then return ok, #s, sum(s) end
    return ...
end
local function brief(label, ok, s, ...)
    if type(ok) == "string" and #ok > 80 then
        line(label, #ok, sum(ok))
    elseif type(s) == "string" and #s > 80 then
        line(label, ok, #s, sum(s), ...)
    else
        line(label, ok, s, ...)
    end
end

function process_message() return 0 end

function timer_event(ns, shutdown)
    if not shutdown then return end
    for _, name in ipairs(names) do
        brief("string " .. name, pcall(gzfile.string, name))
        brief("small buffer", pcall(gzfile.string, name, "rb", 1))
        brief("at most 100", pcall(gzfile.string, name, nil, nil, 100))
        brief("at most 8192", pcall(gzfile.string, name, nil, nil, 8192))
        brief("at most 16384", pcall(gzfile.string, name, nil, nil, 16384))
        local file, text = gzfile.open(name)
        line("open " .. name, type(file), text)
        if file then
            for n, s in (function() local f, n = file:lines(), 0 return function() n = n + 1 if n > 12 then return nil end local s = f() return s and n, s end end)() do
                brief("line " .. n, s)
            end
            line("after", shorter(pcall(file:lines())))
            file:close()
            file = gzfile.open(name)
            local n = 0
            for s in file:lines(7) do n = n + 1 if n < 12 then line("cut " .. n, s) end end
            line("lines", n)
            file:close()
            for _, strips in ipairs{false, true} do
                file = gzfile.open(name, "rb", 100)
                n = 0
                local ok, text = pcall(function() for s in file:lines_tail(strips) do n = n + 1 if n < 12 then brief("whole " .. n, s) end end end)
                line("lines", n, ok, text)
                line("again", shorter(pcall(file:lines_tail(strips))))
                file:close()
            end
            file = gzfile.open(name)
            try("seek", file.seek, file, "set", 5)
            brief("there", file:lines()())
            try("seek", file.seek, file, "cur", 3)
            brief("there", file:lines()())
            try("seek", file.seek, file, "cur", -4)
            brief("there", file:lines()())
            try("seek", file.seek, file, "set", 0)
            brief("there", file:lines()())
            try("seek", file.seek, file, "set", 1e6)
            brief("there", file:lines()())
            try("seek", file.seek, file, "cur")
            try("seek", file.seek, file, "set", -1)
            try("seek", file.seek, file, "cur", -1e9)
            try("seek", file.seek, file)
            brief("there", file:lines()())
            file:close()
        end
    end
    inject_payload("txt", "result")
end
