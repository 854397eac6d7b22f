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
function timer_event()
    for _, file in ipairs{"city.mmdb", "./four.mmdb", "wide.mmdb", "cut.mmdb", "none.mmdb", "empty.mmdb", "missing.mmdb", "", ".", "/", "city.mmdb\0x", 5} do
        local ok, db = pcall(mm.open, file)
        show(tostring(file), ok, ok and type(db) or db)
    end
    try("nil", mm.open) try("table", mm.open, {}) try("userdata", mm.open, mm.open("four.mmdb"))
    local a, b = mm.open("four.mmdb"), mm.open("four.mmdb")
    show("two", a == b, a:lookup("1.1.1.1"):get("name"), b:lookup("192.168.1.1"):get("name"))
    local r = mm.open("city.mmdb"):lookup("10.1.1.1")
    show("more", mm.open("four.mmdb", "ignored"):lookup("1.1.1.1"):get("name"))
    for i = 1, 40 do mm.open("wide.mmdb") end
    local db = mm.open("broken.mmdb")
    r = db:lookup("1.1.1.1")
    try("bad", r.get, r, "bad") try("never", r.get, r, "never") try("none", r.get, r) try("other", r.get, r, "x")
    r = db:lookup("2.1.1.1")
    try("text", r.get, r, "text") try("far", r.get, r, "far") try("last", r.get, r, "last") try("other", r.get, r, "x")
    try("beyond", db.lookup, db, "3.1.1.1")
    try("nothing", db.lookup, db, "4.1.1.1")
    inject_payload("txt", "files")
end
