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
local db = mm.open("city.mmdb")
function timer_event()
    show("global", maxminddb == mm, type(db))
    local names = {}
    for k in pairs(mm) do names[#names + 1] = k end
    show("names", names)
    local r = db:lookup("1.2.3.4")
    show("type", type(r))
    for _, key in ipairs{"text", "empty", "long", "double", "infinite", "bytes", "u16", "zero", "u32", "i32", "i32 positive", "u64", "u128", "true", "false", "float",
        "map", "array", "nothing", "none", "1", "shared", "missing", "", "Text", "text\0"} do
        try(key, r.get, r, key)
    end
    for _, path in ipairs{{"map", "inner"}, {"map", "inner", "deepest"}, {"map", "inner", "list", "0"}, {"map", ""}, {"map", "x"}, {"map", "inner", "deepest", "x"},
        {"array", "0"}, {"array", 0}, {"array", "1"}, {"array", 1.9}, {"array", "2", "key"}, {"array", "2"}, {"array", "3", "0"}, {"array", "4"}, {"array", "-1"}, {"array", -1, 0},
        {"array", "-4"}, {"array", "-5"}, {"array", "x"}, {"array", "1x"}, {"array", ""}, {"array", " 1"}, {"array", "+1"}, {"array", "- 1"}, {"array", "01"}, {"array", "0x1"},
        {"array", "99999999999999999999"}, {"array", "-99999999999999999999"}, {"array", "99999999999999999999x"}, {"array", "9223372036854775807"}, {"array", "1\0x"},
        {"none", "0"}, {"none", "-1"}, {"nothing", "x"}, {"twice", "0"}, {"twice", "1"}, {"twice", "-2"}, {"shared", "x"}, {"text", "0"}, {1}, {"1", 1}} do
        try(table.concat(path, "/"), r.get, r, unpack(path))
    end
    try("no path", r.get, r)
    try("long path", r.get, r, "map", "inner", "deepest", "a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l")
    local other = db:lookup("1.2.3.200")
    show("other", other:get("country", "iso_code"), r:get("text"))
    local plain = db:lookup("127.0.0.1")
    show("plain", plain:get(), pcall(plain.get, plain, "x"))
    local list = db:lookup("fe80::1")
    show("list", list:get("2"), list:get(-3), pcall(list.get, list, 3), pcall(list.get, list, "a"))
    for _, bad in ipairs{{}, {r, {}}, {r, nil}, {r, "map", nil}, {r, true}, {db, "x"}, {"x", "y"}, {nil, "x"}} do try("arguments", r.get, bad[1], bad[2], bad[3]) end
    try("nil behind", r.get, r, "text", nil)
    try("tostring", function() return (string.gsub(tostring(r), "0x%x+", "0x")) end)
    try("payload", add_to_payload, r)
    try("payload", add_to_payload, db)
    db, r, other, plain, list = nil
    inject_payload("txt", "values")
end
