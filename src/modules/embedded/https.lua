-- HTTPS requests: those of socket.http, told apart by the module they are recorded for.
local module, record, no_answer = ...
local ltn12, string, table = require "ltn12", require "string", require "table"
local socket = require "socket"
local type = type

local M = {_VERSION = "0.9", PORT = 443, TIMEOUT = 60}

function M.request(url, body)
    local request, pieces = url, {}
    if type(url) == "string" then request = {url = url, method = body and "POST"} end
    if body then
        pieces[1] = body
    elseif request.source then
        local ok, err = ltn12.pump.all(request.source, ltn12.sink.table(pieces), request.step)
        if not ok then return nil, err end
    end
    record("request", request.url or "https://" .. (request.host or "") .. (request.path or "/"),
        table.concat(pieces), "method", request.method or "GET", "headers", request.headers)
    return nil, no_answer("request")
end

function M.tcp() return socket.tcp end

return M
