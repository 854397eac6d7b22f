-- HTTP requests: recorded whole, never answered.
local module, record, no_answer = ...
local ltn12, socket, string, table = require "ltn12", require "socket", require "string", require "table"
local pairs, setmetatable, type = pairs, setmetatable, type

local M = {TIMEOUT = 60, USERAGENT = socket._VERSION, PORT = 80}
socket.http = M

-- A request as a table, from the arguments of `request`.
local function request_of(request, body)
    if type(request) ~= "string" then return request end
    if not body then return {url = request} end
    return {
        url = request,
        method = "POST",
        headers = {
            ["content-length"] = string.len(body),
            ["content-type"] = "application/x-www-form-urlencoded",
        },
        source = ltn12.source.string(body),
    }
end

local function url_of(request)
    if request.url then return request.url end
    local port = request.port and ":" .. request.port or ""
    return (request.scheme or "http") .. "://" .. (request.host or "") .. port .. (request.uri or request.path or "/")
end

function M.request(request, body)
    request = request_of(request, body)
    local pieces = {}
    if request.source then
        local ok, err = ltn12.pump.all(request.source, ltn12.sink.table(pieces), request.step)
        if not ok then return nil, err end
    end
    record("request", url_of(request), table.concat(pieces), "method", request.method or "GET", "headers",
        request.headers)
    return nil, no_answer("request")
end

local connection = {}

-- A connection whose parts of a request are sent one by one.
function M.open(host, port, create)
    local c = socket.try((create or socket.tcp)())
    local res = setmetatable({c = c, try = socket.newtry(function() c:close() end)}, {__index = connection})
    res.try(c:settimeout(M.TIMEOUT))
    res.try(c:connect(host, port or M.PORT))
    return res
end

function connection:sendrequestline(method, uri)
    return self.try(self.c:send((method or "GET") .. " " .. uri .. " HTTP/1.1\r\n"))
end

function connection:sendheaders(headers)
    local lines = {}
    for name, value in pairs(headers) do lines[#lines + 1] = name .. ": " .. value .. "\r\n" end
    table.sort(lines)
    self.try(self.c:send(table.concat(lines) .. "\r\n"))
    return 1
end

function connection:sendbody(headers, source, step)
    return self.try(ltn12.pump.all(source or ltn12.source.empty(), socket.sink("keep-open", self.c), step))
end

function connection:receivestatusline() return self.try(self.c:receive()) end

function connection:receiveheaders() return self.try(self.c:receive()) end

function connection:receivebody() return self.try(self.c:receive()) end

function connection:close() return self.c:close() end

return M
