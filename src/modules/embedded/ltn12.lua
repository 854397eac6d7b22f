-- Filters, sources, sinks and pumps (LTN12). A source gives chunks until nil; a filter turns a chunk into another, ""
-- for "not yet", nil at the end; a sink takes chunks, nil at the end, and answers 1 or nil and an error.
local string, table = require "string", require "table"
local assert, error, select, unpack = assert, error, select, unpack

local filter, source, sink, pump = {}, {}, {}, {}
local M = {filter = filter, source = source, sink = sink, pump = pump, BLOCKSIZE = 2048, _VERSION = "LTN12 1.0.3"}
ltn12 = M

local BAD_NIL = "filter returned inappropriate nil"

-- A filter from a function that takes and gives back a context.
function filter.cycle(step, context, extra)
    assert(step)
    return function(chunk)
        local result
        result, context = step(context, chunk, extra)
        return result
    end
end

-- Several filters as one. Stages before `open` have had their last chunk; `current` is the one to ask next.
function filter.chain(...)
    local stages, count = {...}, select("#", ...)
    local open, current, more = 1, 1, ""
    return function(chunk)
        more = chunk and more
        while true do
            local is_open = current == open
            local result = stages[current]((not is_open and not chunk) and "" or chunk)
            if result == "" then
                if is_open then return "" end
                current, chunk = current - 1, more
            elseif is_open and open == count then
                return result
            elseif result then
                if current == count then return result end
                current, chunk = current + 1, result
            elseif is_open then
                open = open + 1
                current, chunk = open, result
            else
                error(BAD_NIL)
            end
        end
    end
end

local function nothing() return nil end

function source.empty() return nothing end

function source.error(err)
    return function() return nil, err end
end

function source.file(handle, err)
    if not handle then return source.error(err or "unable to open file") end
    return function()
        local chunk = handle:read(M.BLOCKSIZE)
        if not chunk then handle:close() end
        return chunk
    end
end

-- A source that never replaces itself, from one that may.
function source.simplify(src)
    assert(src)
    return function()
        local chunk, other = src()
        src = other or src
        if chunk then return chunk end
        return nil, other
    end
end

function source.string(text)
    if not text then return source.empty() end
    local at = 1
    return function()
        local chunk = string.sub(text, at, at + M.BLOCKSIZE - 1)
        at = at + M.BLOCKSIZE
        if chunk == "" then return nil end
        return chunk
    end
end

-- A source that takes chunks back when it is called with one.
function source.rewind(src)
    assert(src)
    local returned = {}
    return function(chunk)
        if chunk then
            table.insert(returned, chunk)
            return
        end
        chunk = table.remove(returned)
        if chunk then return chunk end
        return src()
    end
end

function source.chain(src, f, ...)
    if ... then f = filter.chain(f, ...) end
    assert(src and f)
    local input, output, is_feeding = "", "", true
    return function()
        if not output then error("source is empty!", 2) end
        while true do
            if is_feeding then
                local err
                input, err = src()
                if err then return nil, err end
            end
            output = f(input)
            if not output then
                if input then error(BAD_NIL) end
                return nil
            end
            if output ~= "" then
                if is_feeding then
                    is_feeding = false
                    if input then input = "" end
                end
                return output
            end
            if not is_feeding then
                if input ~= "" then error('filter returned ""') end
                is_feeding = true
            end
        end
    end
end

function source.cat(...)
    local all = {...}
    local src = table.remove(all, 1)
    return function()
        while src do
            local chunk, err = src()
            if chunk then return chunk end
            if err then return nil, err end
            src = table.remove(all, 1)
        end
    end
end

local function swallow() return 1 end

function sink.null() return swallow end

function sink.error(err)
    return function() return nil, err end
end

function sink.table(list)
    list = list or {}
    return function(chunk)
        if chunk then table.insert(list, chunk) end
        return 1
    end, list
end

function sink.file(handle, err)
    if not handle then return sink.error(err or "unable to open file") end
    return function(chunk)
        if chunk then return handle:write(chunk) end
        handle:close()
        return 1
    end
end

-- A sink that never replaces itself, from one that may.
function sink.simplify(snk)
    assert(snk)
    return function(chunk, err)
        local ok, other = snk(chunk, err)
        if not ok then return nil, other end
        snk = other or snk
        return 1
    end
end

function sink.chain(f, snk, ...)
    if ... then
        local all = {f, snk, ...}
        snk = table.remove(all)
        f = filter.chain(unpack(all))
    end
    assert(f and snk)
    return function(chunk, err)
        if chunk == "" then return 1 end
        local last = chunk and ""
        local piece = f(chunk)
        while true do
            local ok, failure = snk(piece, err)
            if not ok then return nil, failure end
            if piece == last then return 1 end
            piece = f(last)
        end
    end
end

function pump.step(src, snk)
    local chunk, src_err = src()
    local ok, snk_err = snk(chunk, src_err)
    if chunk and ok then return 1 end
    return nil, src_err or snk_err
end

function pump.all(src, snk, step)
    assert(src and snk)
    step = step or pump.step
    local ok, err
    repeat ok, err = step(src, snk) until not ok
    if err then return nil, err end
    return 1
end

return M
