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
local mime = require "mime.core"
local seed = 7
local function random(n) seed = (seed * 16807) % 2147483647 return seed % n end
local letters = {"a", "b", "=", "\r", "\n", "\r\n", " ", "\t", ".", "\0", "\255", "é", "4", "1", "Z", "+", "/"}
local function text(n)
    local out = {}
    for i = 1, random(n) do out[i] = letters[random(#letters) + 1] end
    return table.concat(out)
end
function timer_event()
    for i = 1, 120 do
        local a, b = text(12), text(12)
        for _, name in ipairs{"b64", "unb64", "qp", "unqp"} do
            local out, rest = mime[name](a, b)
            show(name, out, rest)
            show(name .. " end", mime[name]((out or "") .. (rest or "")))
        end
        for _, name in ipairs{"wrp", "qpwrp"} do show(name, mime[name](random(9), a .. b, 1 + random(9))) end
        show("eol", mime.eol(random(2) * 13, a .. b))
        show("dot", mime.dot(random(3), a .. b))
    end
    inject_payload("txt", "random")
end
