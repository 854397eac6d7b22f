-- URLs taken apart, put together and made absolute (RFC 2396 as LuaSocket reads it).
local socket, string, table = require "socket", require "string", require "table"
local pairs, tonumber, type = pairs, tonumber, type
local gsub, sub = string.gsub, string.sub

local M = {_VERSION = "URL 1.0.3"}
socket.url = M

local function hex(c) return string.format("%%%02x", string.byte(c)) end

function M.escape(text) return (gsub(text, "[^A-Za-z0-9_]", hex)) end

-- What may stand in a segment of a path besides letters, digits and the underscore.
local function escape_segment(text) return (gsub(text, "[^A-Za-z0-9_%-%.!~%*'%(%):@&=%+%$,]", hex)) end

function M.unescape(text)
    return (gsub(text, "%%(%x%x)", function(digits) return string.char(tonumber(digits, 16)) end))
end

-- Takes what `pattern` captures out of `text`; both.
local function take(text, pattern)
    local found
    local rest = gsub(text, pattern, function(it) found = it return "" end)
    return rest, found
end

function M.parse(url, default)
    local parts = {}
    for key, value in pairs(default or {}) do parts[key] = value end
    if not url or url == "" then return nil, "invalid url" end
    local function move(key, pattern)
        local found
        url, found = take(url, pattern)
        if found then parts[key] = found end
    end
    move("fragment", "#(.*)$")
    move("scheme", "^(%w[%w%+%-%.]*)%:")
    move("authority", "^//([^/]*)")
    move("query", "%?(.*)")
    move("params", "%;(.*)")
    if url ~= "" then parts.path = url end
    local authority, found = parts.authority
    if not authority then return parts end
    authority, found = take(authority, "^([^@]*)@")
    parts.userinfo = found or parts.userinfo
    authority, found = take(authority, ":([^:%]]*)$")
    parts.port = found or parts.port
    if authority ~= "" then parts.host = string.match(authority, "^%[(.+)%]$") or authority end
    if parts.userinfo then
        parts.user, found = take(parts.userinfo, ":([^:]*)$")
        parts.password = found or parts.password
    end
    return parts
end

function M.parse_path(path)
    path = path or ""
    local parts = {}
    for segment in string.gmatch(path, "[^/]+") do parts[#parts + 1] = M.unescape(segment) end
    if sub(path, 1, 1) == "/" then parts.is_absolute = 1 end
    if sub(path, -1) == "/" then parts.is_directory = 1 end
    return parts
end

function M.build_path(parts, unsafe)
    local segments = {}
    for i = 1, #parts do segments[i] = unsafe and parts[i] or escape_segment(parts[i]) end
    local path = table.concat(segments, "/")
    if parts.is_directory and #parts > 0 then path = path .. "/" end
    if parts.is_absolute then path = "/" .. path end
    return path
end

function M.build(parts)
    local url = M.build_path(M.parse_path(parts.path))
    if parts.params then url = url .. ";" .. parts.params end
    if parts.query then url = url .. "?" .. parts.query end
    local authority = parts.authority
    if parts.host then
        authority = parts.host
        if string.find(authority, ":") then authority = "[" .. authority .. "]" end
        if parts.port then authority = authority .. ":" .. parts.port end
        local user = parts.userinfo
        if parts.user then
            user = parts.user
            if parts.password then user = user .. ":" .. parts.password end
        end
        if user then authority = user .. "@" .. authority end
    end
    if authority then url = "//" .. authority .. url end
    if parts.scheme then url = parts.scheme .. ":" .. url end
    if parts.fragment then url = url .. "#" .. parts.fragment end
    return url
end

-- `relative` seen from `base`, without `.` and, where something is left to go up from, `..`.
local function join(base, relative)
    if sub(relative, 1, 1) == "/" then return relative end
    local path = gsub(base, "[^/]*$", "") .. relative
    path = gsub(path, "[^/]*%./", function(it) if it == "./" then return "" end end)
    path = gsub(path, "/%.$", "/")
    local before
    repeat
        before = path
        path = gsub(before, "[^/]*/%.%./", function(it) if it ~= "../../" then return "" end end)
    until path == before
    return (gsub(path, "[^/]*/%.%.$", function(it) if it ~= "../.." then return "" end end))
end

function M.absolute(base, relative)
    local from = base
    if type(base) == "table" then base = M.build(from) else from = M.parse(base) end
    local to = M.parse(relative)
    if not from then return relative end
    if not to then return base end
    if to.scheme then return relative end
    to.scheme = from.scheme
    if not to.authority then
        to.authority = from.authority
        if to.path then
            to.path = join(from.path or "", to.path)
        else
            to.path = from.path
            if not to.params then
                to.params = from.params
                if not to.query then to.query = from.query end
            end
        end
    end
    return M.build(to)
end

return M
