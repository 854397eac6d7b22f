-- The upper half of LuaSocket's `socket`, over the stand-in that `socket.core` is.
local socket = require "socket.core"
local error, setmetatable, tostring, type = error, setmetatable, tostring, type

socket._VERSION = "LuaSocket 3.0-rc1"
socket.BLOCKSIZE = 2048
socket.connect4 = socket.connect
socket.connect6 = socket.connect
socket.try = socket.newtry()

function socket.bind(host, port)
    local server = socket.tcp()
    server:bind(host, port)
    server:listen()
    return server
end

function socket.choose(kinds)
    return function(name, a, b)
        if type(name) ~= "string" then name, a, b = "default", name, a end
        local make = kinds[name]
        if not make then error("unknown key (" .. tostring(name) .. ")", 3) end
        return make(a, b)
    end
end

-- A callable object that `select` takes for the socket.
local function over(sock, call)
    return setmetatable({
        getfd = function() return sock:getfd() end,
        dirty = function() return sock:dirty() end,
    }, {__call = call})
end

local function keep_open(sock)
    return over(sock, function(_, chunk)
        if chunk then return sock:send(chunk) end
        return 1
    end)
end

socket.sinkt = {
    ["keep-open"] = keep_open,
    ["default"] = keep_open,
    ["close-when-done"] = function(sock)
        return over(sock, function(_, chunk)
            if chunk then return sock:send(chunk) end
            sock:close()
            return 1
        end)
    end,
}

local function receives(sock)
    return over(sock, function()
        local chunk, err = sock:receive(socket.BLOCKSIZE)
        return chunk, err
    end)
end

socket.sourcet = {["by-length"] = receives, ["until-closed"] = receives, ["default"] = receives}
socket.sink = socket.choose(socket.sinkt)
socket.source = socket.choose(socket.sourcet)

return socket
