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
local url = require "socket.url"
local base = "http://a/b/c/d;p?q"
local urls = {"http://user:pass@example.com:8080/a/b%20c;p=1?q=2#frag", "", "/path", "//host", "mailto:x@y", "http://[::1]:80/x", "http://[fe80::1]/",
    "ftp://u@h", "http://a:b:c@h/", "http://h:/", "http://@h/", "http://:@h:1", "?q", "#f", ";p", "a/b/../c/./d", "http:g", "g:h", "http://h?x/y", "http://h;x",
    "x://h/%41%zz%4", "http://h/a//b/", "  space", "http://h/#a#b?c", "1a:b", "h+-.2:x"}
function timer_event()
    show("version", url._VERSION, require("socket").url == url)
    for _, u in ipairs(urls) do
        show(u, url.parse(u))
        show("default", url.parse(u, {scheme = "http", port = 80, path = "/", host = "h"}))
        local ok, parsed = pcall(url.parse, u)
        if parsed then show("build", url.build(parsed)) end
        show("path", url.parse_path(u))
        show("build_path", url.build_path(url.parse_path(u)), url.build_path(url.parse_path(u), true))
        show("escape", url.escape(u), url.unescape(u), url.unescape(url.escape(u)) == u)
    end
    for _, r in ipairs{"g:h", "g", "./g", "g/", "/g", "//g", "?y", "g?y", "#s", "g#s", "g?y#s", ";x", "g;x", "g;x?y#s", ".", "./", "..", "../", "../g", "../..", "../../",
        "../../g", "", "../../../g", "../../../../g", "/./g", "/../g", "g.", ".g", "g..", "..g", "./../g", "./g/.", "g/./h", "g/../h", "g;x=1/./y", "g;x=1/../y", "http:g"} do
        show("absolute " .. r, url.absolute(base, r), url.absolute(url.parse(base), r), url.absolute("http://h", r))
    end
    show("built", url.build{host = "h", port = 1, user = "u", password = "p", scheme = "s", path = "a b/c", query = "q", params = "p", fragment = "f"})
    show("built", url.build{host = "::1", userinfo = "u"}, url.build{authority = "a", path = "/"}, url.build{})
    show("built", url.build_path{"a/b", "c;d", "e?f", is_absolute = 1, is_directory = 1}, url.build_path{is_absolute = 1, is_directory = 1}, url.build_path{})
    show("nil", url.parse(nil), url.parse_path(nil), url.absolute("", "x"), url.absolute("x", ""))
    inject_payload("txt", "urls")
end
