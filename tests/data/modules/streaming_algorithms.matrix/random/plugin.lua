require "string"
require "table"

local function text(value)
    if type(value) == "string" then
        return '"' .. value:gsub("[^ -~]", function(byte) return ("\\x%02x"):format(byte:byte()) end) .. '"'
    end
    if type(value) == "number" then return ("%.17g"):format(value) end
    if type(value) == "userdata" or type(value) == "table" or type(value) == "function" then
        return "<" .. type(value) .. ">"
    end
    return tostring(value)
end

local function show(label, ...)
    local out = {}
    for i = 1, select("#", ...) do out[i] = text((select(i, ...))) end
    add_to_payload(label, ": ", table.concat(out, " "), "\n")
end

local function try(label, f, ...) show(label, pcall(f, ...)) end

-- Numbers from 0 to below n, the same everywhere.
local seed = 12345
local function random(n)
    seed = (seed * 16807) % 2147483647
    return seed % n
end

require "streaming_algorithms.matrix"

function process_message() return 0 end

local function value(float)
    local n = random(2147483646)
    local kind = n % 40
    if kind == 0 then return 2147483647 end
    if kind == 1 then return -2147483648 end
    if kind == 2 then return 0 end
    if kind == 3 then return 3000000000 end
    if float and kind == 4 then return 0/0 end
    if float and kind == 5 then return 1/0 end
    if float and kind == 6 then return -1/0 end
    if float and kind == 7 then return 1e39 end
    if float and kind == 8 then return 1e-45 end
    if float and kind == 9 then return 2^-126 end
    if float then return (n % 200001 - 100000) / 10 ^ (n % 9) end
    return n % 2001 - 1000
end

function timer_event(ns, shutdown)
    if not shutdown then return end
    for _, kind in ipairs{"int", "float"} do
        for _, sizes in ipairs{{3, 5}, {6, 20}, {2, 2}, {1, 7}, {8, 1}} do
            local rows, columns = unpack(sizes)
            local matrix, other = streaming_algorithms.matrix.new(rows, columns, kind), streaming_algorithms.matrix.new(4, 6, kind)
            for turn = 1, 150 do
                local row, column, what = random(rows) + 1, random(columns) + 1, random(14)
                if what < 6 then show("add", matrix:add(row, column, value(kind == "float")))
                elseif what < 9 then show("set", matrix:set(row, column, value(kind == "float")))
                elseif what == 9 then show("get", matrix:get(row, column))
                elseif what == 10 then show("sum", matrix:sum(row), unpack(matrix:get_row(row)))
                elseif what == 11 then show("pcc", matrix:pcc(row)) show("min", matrix:pcc(row, "min")) show("max", matrix:pcc(row, "max"))
                elseif what == 12 then
                    other:set(random(4) + 1, random(6) + 1, value(kind == "float"))
                    if random(2) == 0 then matrix:merge(other, random(2) == 0 and "add" or "set") else other:merge(matrix) end
                elseif random(5) == 0 then matrix:clear_row(row)
                elseif random(5) == 0 then matrix:merge(matrix) end
                if turn % 50 == 0 then
                    local copy = streaming_algorithms.matrix.new(rows, columns, kind)
                    copy:fromstring(tostring(matrix))
                    show("copy", tostring(copy) == tostring(matrix))
                    for n = 1, rows do show("row " .. n, unpack(matrix:get_row(n))) end
                end
            end
        end
        local matrix = streaming_algorithms.matrix.new(5, 30, kind)
        for turn = 1, 5 do
            for row = 1, 5 do
                for column = 1, 30 do matrix:set(row, column, row == 1 and column or random(1000) / (kind == "int" and 1 or 7)) end
            end
            if turn == 3 then matrix:clear_row(4) end
            for row = 1, 5 do show("correlation " .. row, matrix:pcc(row, "max")) show("least " .. row, matrix:pcc(row, "min")) end
        end
    end
    inject_payload("txt", "result")
end
