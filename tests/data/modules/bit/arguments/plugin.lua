require "string"
require "table"
local function show(v)
    if type(v) == "string" then
        return '"' .. v:gsub("[^\32-\126]", function(c) return string.format("\\%03d", c:byte()) end) .. '"'
    elseif type(v) == "number" then
        return string.format("%.17g", v)
    end
    return type(v) == "boolean" and tostring(v) or type(v)
end
local function line(label, ...)
    local out = {}
    for i = 1, select("#", ...) do out[i] = show((select(i, ...))) end
    add_to_payload(label, ": ", table.concat(out, " "), "\n")
end
local function try(label, f, ...) line(label, pcall(f, ...)) end
local seed = 42
local function random(n)
    seed = (seed * 1103515245 + 12345) % 2147483648
    return math.floor(seed / 65536) % n
end
require "math"
local m = require "bit"

function process_message() return 0 end

function timer_event(ns, shutdown)
    if not shutdown then return end
    local names = {}
    for k in pairs(m) do names[#names + 1] = k end
    table.sort(names)
    local values = {1, "x", "5"}
    for _, name in ipairs(names) do
        local f = m[name]
        try(name, f)
        try(name .. " nil", f, nil)
        try(name .. " 1 nil", f, 1, nil)
        try(name .. " nil nil", f, nil, nil)
        try(name .. " nil 1", f, nil, 1)
        try(name .. " 1 1 nil", f, 1, 1, nil)
        try(name .. " 1 1 1 nil", f, 1, 1, 1, nil)
        for i = 1, #values do
            try(name .. " " .. i, f, values[i])
            for j = 1, #values do
                try(name .. " " .. i .. " " .. j, f, values[i], values[j])
                for k = 1, #values do
                    try(name .. " " .. i .. " " .. j .. " " .. k, f, values[i], values[j], values[k])
                end
            end
        end
        try("where " .. name, function() f({}) end)
    end
    inject_payload("txt", "result")
end
