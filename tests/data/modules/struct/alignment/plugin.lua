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
    for _, format in ipairs{"!bd", "!4bd", "!2bd", "!1bd", "!8bhid", "!16bd", "!bi3b", "!4bi3i5i6i7", "!8bi3i5i6i7d", "!32bi9bi17bi32",
        "!bf", "bf", "!4 b b h", "!xxxi", "!c3i", "!sbi", "!2bi!8bi!1bi", "! i", "!3", "!0", "!6i", "!1024bi32", "!4294967300bd",
        "!2147483648b", "!4294967297bi", "!08bd", "!bi0i", "!64bxi16", "<!4>bi<bi", "!4bT", "!4bl", "!4bL", "!4bH"} do
        try("size " .. format, struct.size, format)
        try("pack " .. format, struct.pack, format, 1, 2, 3, 4, 5, 6, 7)
        local data = ("\1\2\3\4\5\6\7\8"):rep(20)
        try("unpack " .. format, struct.unpack, format, data)
        try("unpack 4 " .. format, struct.unpack, format, data, 4)
    end
    try("strings aligned", struct.pack, "!4bsi", 1, "abc", 2)
    try("strings aligned", struct.unpack, "!4bsi", struct.pack("!4bsi", 1, "abc", 2))
    inject_payload("txt", "result")
end
