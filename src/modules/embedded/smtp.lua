-- Mail: recorded as it would be handed to the server.
local module, record = ...
local ltn12, socket, string, table = require "ltn12", require "socket", require "string", require "table"
local ipairs, pairs, type = ipairs, pairs, type

local M = {SERVER = "localhost", PORT = 25, DOMAIN = "localhost", TIMEOUT = 60, ZONE = "-0000"}
socket.smtp = M

-- Adds a message's headers and body to `out`; parts are told apart by a boundary that grows with the depth.
local function add(message, out, depth)
    local names, headers = {}, {}
    for name, value in pairs(message.headers or {}) do
        name = string.lower(name)
        names[#names + 1], headers[name] = name, value
    end
    local is_multipart = type(message.body) == "table"
    local boundary = "==cepshim-" .. depth .. "=="
    if is_multipart then
        if not headers["content-type"] then names[#names + 1] = "content-type" end
        headers["content-type"] = (headers["content-type"] or "multipart/mixed") .. '; boundary="' .. boundary .. '"'
    end
    table.sort(names)
    for _, name in ipairs(names) do out[#out + 1] = name .. ": " .. headers[name] .. "\r\n" end
    out[#out + 1] = "\r\n"
    if is_multipart then
        for _, part in ipairs(message.body) do
            out[#out + 1] = "\r\n--" .. boundary .. "\r\n"
            add(part, out, depth + 1)
        end
        out[#out + 1] = "\r\n--" .. boundary .. "--\r\n\r\n"
    elseif type(message.body) == "function" then
        ltn12.pump.all(message.body, ltn12.sink.table(out))
    else
        out[#out + 1] = message.body or ""
    end
end

function M.message(message)
    local source
    return function()
        if not source then
            local out = {}
            add(message, out, 1)
            source = ltn12.source.string(table.concat(out))
        end
        return source()
    end
end

function M.send(mail)
    local pieces = {}
    local ok, err = ltn12.pump.all(mail.source, ltn12.sink.table(pieces), mail.step)
    if not ok then return nil, err end
    record("send", (mail.server or M.SERVER) .. ":" .. (mail.port or M.PORT), table.concat(pieces), "from", mail.from,
        "rcpt", mail.rcpt)
    return 1
end

return M
