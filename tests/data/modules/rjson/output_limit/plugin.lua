require "rjson"
require "string"

-- output stops where it no longer fits
function process_message()
    local results = {}
    for n = 950, 1030 do
        local d = rjson.parse('["' .. ("x"):rep(n) .. '",12345,-1.5e300,{"key":null}]')
        local ok, text = pcall(add_to_payload, d, "")
        results[#results + 1] = n .. " " .. tostring(ok) .. " " .. tostring(text)
        inject_message({Type = "y"})
    end
    for n = 850, 1030 do
        local d = rjson.parse('{"a":"' .. ("y"):rep(n - 30) .. '\\u0001\\"\\\\","b":[true,false],"c":0.25}')
        local ok, text = pcall(inject_message, {Type = "x", Fields = {a = d:make_field()}})
        results[#results + 1] = n .. " " .. tostring(ok) .. " " .. tostring(text)
        inject_message({Type = "y"})
    end
    for _, text in ipairs(results) do
        add_to_payload(text)
        inject_payload("txt", "result")
    end
    return 0
end

function timer_event() end
