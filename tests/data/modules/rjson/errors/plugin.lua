require "rjson"
require "string"

local function line(label, ...)
    add_to_payload(label, ":")
    for i = 1, select("#", ...) do
        local v = select(i, ...)
        add_to_payload(" ", type(v) == "userdata" and "<ref>" or type(v) == "function" and "<function>" or tostring(v))
    end
    add_to_payload("\n")
end
local function try(label, f, ...) line(label, pcall(f, ...)) end

function process_message()
    local d = rjson.parse('{"a":[1,2],"s":"x"}')
    local other = rjson.parse('{"a":[1,2]}')
    local foreign = other:find("a")
    for _, name in ipairs({"type", "value", "size", "iter", "make_field", "find", "remove", "remove_shallow", "validate", "parse", "parse_message", "__gc"}) do
        local f = d[name]
        try(name .. " none", f)
        try(name .. " number", f, 1)
        try(name .. " table", f, {})
        try(name .. " schema", f, rjson.parse_schema("{}"))
        if name ~= "__gc" and name ~= "parse" and name ~= "parse_message" then
            try(name .. " foreign", f, d, foreign)
            try(name .. " userdata", f, d, other)
            try(name .. " itself", f, d, d)
            try(name .. " three", f, d, d:find("s"), 1)
            try(name .. " key", f, d, "zz")
            try(name .. " true", f, d, true)
            try(name .. " nils", f, d, nil, nil)
        end
        if name ~= "__gc" then
            try(name .. " method", function() return d[name](1) end)
            try(name .. " colon", function() local x = d return x[name](x, foreign) end)
        end
    end
    add_to_payload(d, "\n")
    d = rjson.parse('{"a":[1,2],"s":"x"}')
    line("called on", pcall(function() return d:type(1, 2) end))
    line("called on", pcall(function() return d:type(1) end))
    line("called on", pcall(function() return d:find(foreign) end))
    line("called on", pcall(function() return d.value() end))
    line("called on", pcall(function() return d:value() end))
    line("called on", pcall(function() return d:remove() end))
    for _, v in ipairs({1, true, {}, "[1", "[1]"}) do
        try("parse", rjson.parse, v)
        try("schema", rjson.parse_schema, v)
    end
    try("parse number", function() return rjson.parse(12.5):value() end)
    try("parse none", rjson.parse)
    try("schema none", rjson.parse_schema)
    for _, v in ipairs({1, 0, "x", false, {}}) do try("switch", rjson.parse, '"\255"', v) end
    -- a failed parse leaves a null behind, and no reference counts
    local a, root = d:find("a"), d:find()
    try("reparse", d.parse, d, "[1,2")
    line("after", d:type(), d:value(), d:find("a"))
    try("old", d.type, d, a)
    try("root again", d.type, d, d:find())
    try("reparse none", d.parse, d)
    line("reparse", d:parse("[1,{}]") == d, d:type(), d:size())
    try("root", d.type, d, root)
    try("old", d.type, d, a)
    try("output of no value", function() add_to_payload(d) end)
    try("output of schema", add_to_payload, "x")
    inject_payload("txt", "arguments")
    local field = d:make_field(d:find(1))
    line("field", field.representation, field.userdata == d, field.value == d:find(1))
    field.value = foreign
    local foreign_ok, foreign_text = pcall(inject_message, {Type = "x", Fields = {{name = "f", value = field}}})
    field.userdata = nil
    local none_ok, none_text = pcall(inject_message, {Type = "x", Fields = {{name = "f", value = field}}})
    inject_message({Type = "x"}) -- what failed to encode is still in the output buffer
    line("foreign field", foreign_ok, foreign_text)
    line("no userdata", none_ok, none_text)
    inject_payload("txt", "errors")
    return 0
end

function timer_event() end
