require "string"
require "table"
local m = require "math"
local read_message, fmt = read_message, string.format

_PRESERVATION_VERSION = 2
counts = {}
_G.total = 0
local window = read_config("window")

local function each(f, ...)
    for i = 1, select("#", ...) do f(arg[i]) end
end

local visit
visit = function(t, depth)
    for k, v in pairs(t) do
        if type(v) == "table" and depth < 3 then visit(v, depth + 1) end
    end
    return m.max(depth, window), m.erf(1)
end

function process_message()
    local name = read_message("Fields[name]")
    if type(name) ~= "string" then return -1, "no name" end
    counts[name:lower()] = (counts[name:lower()] or 0) + 1
    total = total + 1
    visit(counts, 0)
    return 0
end

function timer_event(ns, shutdown)
    local names = {}
    for k in pairs(counts) do names[#names + 1] = k end
    table.sort(names)
    each(function(n) add_to_payload(fmt("%s\t%d\n", n, counts[n])) end, unpack(names))
    inject_payload("tsv", "counts")
    if debug_hook then debug_hook = nil end
end
