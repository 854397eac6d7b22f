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
local l = require "libinjection"
local seed = 42
local function random(n) seed = (seed * 16807) % 2147483647 return seed % n end
local pieces = {"select ", "union ", "all ", "from ", "1", "'", "\"", "`", "--", "#", "/*", "*/", " ", "or ", "and ", "x", "(", ")", ",", ";", "=", "<", ">", "@", "$", "0x", "\\", "{", "}", "[", "]", ".", "::", "in ", "like ", "not ", "into outfile ", "sleep(",
    "user(", "null ", "exec ", "if(", "\0", "\160", "\255", "\n", "!", "~", "-", "+", "%", "&&", "||", "<a ", "<script", "on", "href", "style", "/", "javascript:", "&#x6a", "&#106;", "<!--", "-->", "<?", "<%", "%>", "<![CDATA[", "]]>", "xmlns", "src", "q'", "e'", "n'", "u&'", "b'", "0", "collate ", "_", "binary ", "t"}
function timer_event()
    for i = 1, 1500 do
        local parts = {}
        for j = 1, 1 + random(9) do parts[j] = pieces[random(#pieces) + 1] end
        local text = table.concat(parts)
        local s = l.sqli_state()
        l.sqli_init(s, text, #text, 0)
        add_to_payload(l.is_sqli(s), s.fingerprint, " ", s.reason, " ", l.xss(text, #text), " ", l.sqli_fingerprint(s, random(32)), "\n")
    end
    inject_payload("txt", "random")
end
