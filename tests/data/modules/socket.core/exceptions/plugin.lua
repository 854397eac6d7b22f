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
local socket = require "socket.core"
local cleaned = 0
function timer_event()
    show("globals", _G.socket, socket._VERSION ~= nil)
    local try = socket.newtry(function() cleaned = cleaned + 1 end)
    show("passes", try(1, 2, nil, 3))
    show("passes", try("x"))
    show("protect", socket.protect(function(...) return ... end)(1, nil, 3))
    show("protect", socket.protect(function() try(nil, "broken", "more") end)())
    show("protect", socket.protect(function() try(false, nil) end)())
    show("protect", socket.protect(function() try(nil, {1, 2}) end)())
    show("cleaned", cleaned)
    show("error", pcall(socket.protect(function() error("plain", 0) end)))
    show("error", pcall(socket.protect(function() error({"table"}) end)))
    local ok, e = pcall(socket.newtry(), nil, "text")
    show("raised", ok, type(e), e[1], getmetatable(e))
    show("without", socket.protect(socket.newtry())(nil, "x"))
    show("skip", socket.skip(0, 1, 2), "|", socket.skip(1, 1, 2), "|", socket.skip(2, 1, 2), "|", socket.skip(5, 1, 2))
    try("skip", 1)
    show("skip", pcall(socket.skip, "x"))
    inject_payload("txt", "exceptions")
end
