require "string"
require "table"
local function fmt(v)
    if type(v) == "string" then return string.format("%q", (string.gsub(v, "[^\32-\126]", function(c) return string.format("<%02x>", string.byte(c)) end))) end
    if type(v) ~= "table" then return tostring(v) end
    local keys, out = {}, {}
    for k in pairs(v) do keys[#keys + 1] = k end
    table.sort(keys, function(a, b) return tostring(a) < tostring(b) end)
    for i, k in ipairs(keys) do out[i] = tostring(k) .. "=" .. fmt(v[k]) end
    return "{" .. table.concat(out, ", ") .. "}"
end
local function show(label, ...)
    add_to_payload(label, ":")
    for i = 1, select("#", ...) do add_to_payload(" ", fmt((select(i, ...)))) end
    add_to_payload("\n")
end
local function try(label, f, ...) show(label, pcall(f, ...)) end
function process_message() return 0 end
local mm = require "maxminddb"
local files = {city = mm.open("city.mmdb"), four = mm.open("four.mmdb"), wide = mm.open("wide.mmdb")}
local addresses = {"1.2.3.4", "1.2.3.127", "1.2.3.128", "1.2.3.255", "1.2.4.0", "1.2.2.255", "10.0.0.0", "10.255.255.255", "11.0.0.0", "127.0.0.1", "127.0.0.2",
    "0.0.0.0", "127.255.255.255", "128.0.0.0", "192.168.0.1", "192.169.0.0", "255.255.255.255", "2001:db8::", "2001:db8::1", "2001:DB8:1::5", "2001:db9::", "fe80::1", "febf::",
    "fec0::", "::", "::1", "::1.2.3.4", "::ffff:1.2.3.4", "::ffff:9.9.9.9", "::102:304", "7fff::", "8000::", "1:2:3:4:5:6:7:8",
    -- what inet_aton takes
    "1.2.772", "1.131844", "16909060", "0x1020304", "01.02.03.04", "0x1.0x2.0x3.0x4", "127.1", "0177.1", "1.2.3.0x80", "1.2.65535", "1.2.65536", "4294967295", "4294967296",
    "1.16777215", "1.16777216", "256.1.1.1", "1.256.1.1", "1.1.1.256", "08.1.1.1", "0x.1.1.1", "0x", "1.2.3.4.", ".1.2.3", "1..2", "1.2.3.4.5", "1.2.3.-4", "+1.2.3.4",
    -- and what not
    "", " ", "1.2.3.4 ", " 1.2.3.4", "1.2.3.4\n", "1.2.3.4x", "x", "localhost", "example.com", "::g", ":::", "1::2::3", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "12345::", "::1.2.3", "::1.2.3.4.5",
    "::01.2.3.4", "1:2:3:4:5:6:7::", "::2:3:4:5:6:7:8", "[::1]", "::1/64", "1.2.3.4/24", "2001:db8::%1", "fe80::1%1", "fe80::1%", "fe80::1%nosuchinterface", "2001:db8::%x", "1.2.3.4%1", "1.2.3.4\0x", "\0", "::1.2.3.4%1",
    "2001:db8::%4294967295", "2001:db8::%4294967296"}
local function first(r)
    for _, path in ipairs{{"text"}, {"country", "iso_code"}, {"name"}, {}, {"0"}} do
        local ok, v = pcall(r.get, r, unpack(path))
        if ok then return table.concat(path, "/"), v end
    end
end
function timer_event()
    for _, name in ipairs{"city", "four", "wide"} do
        for _, address in ipairs(addresses) do
            local ok, r = pcall(files[name].lookup, files[name], address)
            if ok then show(name .. " " .. address, first(r)) else show(name .. " " .. address, r) end
        end
    end
    local db = files.city
    show("number", first(db:lookup(16909060))) try("number", db.lookup, db, 1.5) try("nil", db.lookup, db) try("table", db.lookup, db, {}) try("self", db.lookup, "x", "y") try("none", db.lookup)
    try("extra", function() return (db:lookup("127.0.0.1", "more"):get()) end)
    inject_payload("txt", "addresses")
end
