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
require "zlib"
packer, unpacker, crc = zlib.deflate(), zlib.inflate(), zlib.crc32()
count = 0

-- Streams live from call to call.
function process_message()
    count = count + 1
    local out = packer("message number " .. count .. "\n", "sync")
    line("packed", out)
    line("unpacked", unpacker(out))
    line("crc", crc(out))
    local dropped = zlib.deflate(9)
    dropped("never finished")
    inject_payload("txt", "message")
    return 0
end

function timer_event(ns, shutdown)
    if not shutdown then return end
    line("end", unpacker((packer())))
    line("crc", crc())
    inject_payload("txt", "result")
end
