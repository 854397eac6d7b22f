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

require "streaming_algorithms.cm_sketch"

function process_message() return 0 end

function timer_event(ns, shutdown)
    if not shutdown then return end
    for _, sizes in ipairs{{0.3, 0.2}, {0.01, 0.01}, {0.9, 0.9}, {0.05, 1e-5}} do
        local sketch = streaming_algorithms.cm_sketch.new(unpack(sizes))
        show("sizes", #tostring(sketch))
        for i = 1, 250 do
            local item = random(30)
            if random(2) == 0 then item = ("item "):rep(random(5)) .. item end
            local kind, n = random(10), nil
            if kind < 4 then n = random(100) - 50
            elseif kind == 4 then n = 2147483647
            elseif kind == 5 then n = -2147483648
            elseif kind == 6 then n = 0 end
            local estimate
            if n then estimate = sketch:update(item, n) else estimate = sketch:update(item) end
            if i % 5 == 0 then
                show("update " .. text(item) .. " " .. text(n), estimate, sketch:point_query(item), sketch:item_count(), sketch:unique_count())
            end
            if i % 100 == 0 then
                local copy = streaming_algorithms.cm_sketch.new(unpack(sizes))
                copy:fromstring(tostring(sketch))
                show("copy", tostring(copy) == tostring(sketch))
            end
            if i == 120 then sketch:clear() show("clear", sketch:item_count(), sketch:unique_count()) end
        end
    end
    local sketch = streaming_algorithms.cm_sketch.new(0.3, 0.2)
    show("keys", sketch:update(1), sketch:point_query("1"), sketch:point_query(1), sketch:point_query(0), sketch:update(-0, 2), sketch:point_query(0))
    show("empty key", sketch:update(""), sketch:update("\0"), sketch:update(("x"):rep(1000)))
    sketch:fromstring(("\255"):rep(16 + 80))
    show("full", sketch:item_count(), sketch:unique_count(), sketch:point_query("a"), sketch:update("a"), sketch:update("a", 100), sketch:item_count())
    show("less", sketch:update("a", -2147483648), sketch:update("a", -2147483647), sketch:item_count(), sketch:unique_count())
    sketch:fromstring(("\0"):rep(16) .. ("\0\0\0\128"):rep(20))
    show("half", sketch:update("a", -2147483648), sketch:point_query("a"), sketch:item_count(), sketch:unique_count())
    sketch:fromstring(("\0"):rep(16) .. ("\1\0\0\128"):rep(20))
    show("half", sketch:update("a", -2147483648), sketch:point_query("a"), sketch:item_count(), sketch:unique_count())
    sketch:fromstring(("\0"):rep(16) .. ("\1\0\0\0"):rep(20))
    show("one", sketch:update("a", -5), sketch:point_query("a"), sketch:item_count(), sketch:unique_count())
    inject_payload("txt", "result")
end
