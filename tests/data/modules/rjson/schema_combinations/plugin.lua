require "rjson"
require "string"

local function check(schema, ...)
    local s = rjson.parse_schema(schema)
    add_to_payload(schema, "\n")
    for _, text in ipairs({...}) do
        local ok, where, report = rjson.parse(text):validate(s)
        add_to_payload("  ", text, " ", ok, " ", where, " ", report, "\n")
    end
end

function process_message()
    check('{"allOf":[{"type":"integer"},{"minimum":5}]}', "7", "3", '"x"', "3.5", "5.5")
    check('{"allOf":[{"type":"integer"},{"minimum":5},{"type":"string"},{"enum":[1]}]}', "3", "7")
    check('{"allOf":[{"minimum":5},{"minimum":6},{"minimum":7}]}', "3", "6", "7")
    check('{"anyOf":[{"type":"integer"},{"minLength":2,"type":"string"}]}', "7", '"x"', '"xy"', "null", "[]")
    check('{"anyOf":[{"required":["a"]},{"required":["b"]}]}', "{}", '{"a":1}', '{"b":1}', "1")
    check('{"oneOf":[{"type":"integer"},{"minimum":5}]}', "3", "7", "5.5", "2.5", '"x"')
    check('{"oneOf":[{"multipleOf":2},{"multipleOf":3},{"multipleOf":5}]}', "2", "6", "7", "30", "9")
    check('{"not":{"type":"integer"}}', "1", "1.5", "{}")
    check('{"not":{}}', "1")
    check('{"not":{"not":{"type":"integer"}}}', "1", '"x"')
    check('{"allOf":[],"anyOf":[],"oneOf":[]}', "1")
    check('{"allOf":{},"anyOf":5,"oneOf":"x"}', "1")
    check('{"anyOf":[{"allOf":[{"type":"string"},{"maxLength":1}]},{"not":{"type":"string"}},{"oneOf":[{"pattern":"^a"},{"pattern":"b$"}]}]}', '"x"', '"ax"', '"axb"', '"xy"', "1")
    check('{"type":"object","properties":{"list":{"type":"array","items":{"anyOf":[{"type":"integer","minimum":0},{"type":"object","required":["id"],"properties":{"id":{"type":"string"}}}]}}},"not":{"required":["bad"]}}',
        '{"list":[1,{"id":"x"}]}', '{"list":[1,{"id":5}]}', '{"list":[-1]}', '{"list":[{}]}', '{"bad":1}', '{"list":[[]],"bad":1}')
    check('{"allOf":[{"properties":{"a":{"type":"integer"}}},{"properties":{"a":{"minimum":3}}}],"anyOf":[{"required":["b"]},{"required":["c"]}],"oneOf":[{"required":["d"]},{"required":["e"]}],"not":{"required":["f"]},"enum":[{"a":4,"b":1,"d":1},{"a":4,"b":1,"d":1,"f":1},{"a":4,"b":1},{"a":4},{"a":1}]}',
        '{"a":4,"b":1,"d":1}', '{"a":4,"b":1,"d":1,"f":1}', '{"a":4,"b":1}', '{"a":4}', '{"a":1}', '{"a":"x"}', "{}")
    check('{"items":{"oneOf":[{"items":{"type":"integer"}},{"items":{"type":"string"}}]}}', '[[1,2],["a"]]', '[[1,"a"]]', '[[]]', '[[1],[2],[true]]')
    check('{"dependencies":{"a":{"anyOf":[{"required":["b"]},{"required":["c"]}]},"b":["z"],"z":{"not":{"required":["q"]}}}}', '{"a":1}', '{"a":1,"b":1}', '{"a":1,"b":1,"z":1}', '{"a":1,"b":1,"z":1,"q":1}', '{"a":1,"c":1}')
    inject_payload("txt", "combinations")

    check('{"patternProperties":{"^a":{"type":"integer"},"b$":{"minimum":5}}}', '{"a":1}', '{"a":"x"}', '{"ab":7}', '{"ab":3}', '{"ab":"x"}', '{"xb":3}', '{"x":"y"}', "[]")
    check('{"patternProperties":{"^a":{"type":"integer"}},"additionalProperties":false}', '{"a":1}', '{"b":1}', '{"a":"x"}')
    check('{"properties":{"ab":{"minimum":5}},"patternProperties":{"^a":{"type":"integer"}}}', '{"ab":7}', '{"ab":3}', '{"ab":"x"}', '{"ab":7.5}', '{"ac":3}', '{"ac":"x"}')
    check('{"patternProperties":{"^a":{"type":"integer"}},"additionalProperties":{"minimum":5}}', '{"ab":7}', '{"ab":3}', '{"ab":"x"}', '{"ab":1.5}', '{"b":3}', '{"b":"x"}')
    -- how an earlier name's values combine is kept for later ones
    check('{"properties":{"ab":{"minimum":5}},"patternProperties":{"^a":{"type":"integer"},"c$":{"maximum":9}}}', '{"ab":7,"ac":"x"}', '{"ab":7,"ac":3}', '{"ab":7,"ac":10}', '{"ac":10,"ab":7}')
    check('{"properties":{"p":{}},"patternProperties":{"^a":{"type":"integer"},"c$":{"maximum":9}},"additionalProperties":{"type":"string"}}', '{"ab":7,"ac":"x"}', '{"ab":"x","ac":"y"}', '{"ab":1.5}', '{"ab":1,"p":5,"ac":99}', '{"xc":99}', '{"xc":"s","p":1}', '{"ap":1.5,"ac":99}')
    check('{"patternProperties":{}}', '{"a":1}')
    check('{"patternProperties":{"(":{"type":"integer"}},"additionalProperties":false}', '{"(":1}')
    check('{"patternProperties":{"":{"type":"integer"}}}', '{"x":1}', '{"x":"y"}')
    check('{"patternProperties":{"a":{"anyOf":[{"type":"integer"},{"properties":{"ba":{"type":"string"}}}]}}}', '{"a":1}', '{"xa":{"ba":1}}', '{"xa":{"ba":"s"},"a":{"c":1}}')
    check('{"patternProperties":{"a":{"items":{"type":"integer"}},"b":{"items":{"type":"integer"}}}}', '{"ab":[1,"x"]}', '{"a":["x"],"b":[1]}')
    inject_payload("txt", "patterns")

    local tree = '{"properties":{"v":{"type":"integer"},"kids":{"type":"array","items":{"$ref":"#"}}},"required":["v"]}'
    check(tree, '{"v":1,"kids":[{"v":2},{"v":3,"kids":[]}]}', '{"v":1,"kids":[{"v":2},{"v":3,"kids":[{}]}]}', '{"v":1,"kids":[{"v":2,"kids":[{"v":"x"}]}]}')
    local function nested(n) return ('{"a":'):rep(n) .. "1" .. ("}"):rep(n) end
    local s = rjson.parse_schema('{"properties":{"a":{"anyOf":[{"$ref":"#"},{"type":"integer"}]}},"additionalProperties":false}')
    for _, n in ipairs({1, 10, 500, 1200}) do
        local d = rjson.parse(nested(n))
        local ok, where, report = d:validate(s)
        add_to_payload(n, " ", ok, " ", where, "\n")
    end
    s = rjson.parse_schema('{"properties":{"a":{"allOf":[{"$ref":"#"}]},"z":{"type":"string"}}}')
    for _, n in ipairs({1, 10, 300}) do
        local ok, where, report = rjson.parse(nested(n):gsub("1", '{"z":1}', 1)):validate(s)
        add_to_payload(n, " ", ok, " ", where, " ", #report, " ", report:sub(-300), "\n")
    end
    s = rjson.parse_schema(('{"not":'):rep(401) .. "{}" .. ("}"):rep(401))
    add_to_payload(rjson.parse("1"):validate(s), "\n")
    s = rjson.parse_schema('{"items":{"$ref":"#"}}')
    add_to_payload(rjson.parse(("["):rep(3000) .. ("]"):rep(3000)):validate(s), "\n")
    inject_payload("txt", "recursion")
    return 0
end

function timer_event() end
