-- Filters around the encodings of mime.core.
local ltn12, mime = require "ltn12", require "mime.core"
local error, tostring, type = error, tostring, type
local cycle = ltn12.filter.cycle

-- A function that makes the filter of the kind named first; "default" where the first argument is no name.
local function by_name(kinds)
    return function(name, a, b)
        if type(name) ~= "string" then name, a, b = "default", name, a end
        local make = kinds[name]
        if not make then error("unknown key (" .. tostring(name) .. ")", 3) end
        return make(a, b)
    end
end

local function wrap_text(length)
    length = length or 76
    return cycle(mime.wrp, length, length)
end

mime.encodet = {
    ["base64"] = function() return cycle(mime.b64, "") end,
    ["quoted-printable"] = function(mode) return cycle(mime.qp, "", mode == "binary" and "=0D=0A" or "\r\n") end,
}
mime.decodet = {
    ["base64"] = function() return cycle(mime.unb64, "") end,
    ["quoted-printable"] = function() return cycle(mime.unqp, "") end,
}
mime.wrapt = {
    ["text"] = wrap_text,
    ["base64"] = wrap_text,
    ["default"] = wrap_text,
    ["quoted-printable"] = function() return cycle(mime.qpwrp, 76, 76) end,
}
mime.encode = by_name(mime.encodet)
mime.decode = by_name(mime.decodet)
mime.wrap = by_name(mime.wrapt)

function mime.normalize(marker) return cycle(mime.eol, 0, marker) end

function mime.stuff() return cycle(mime.dot, 2) end

return mime
