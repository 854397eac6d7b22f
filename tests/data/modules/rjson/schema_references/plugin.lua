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
    check('{"definitions":{"n":{"type":"integer"}},"properties":{"a":{"$ref":"#/definitions/n"}}}', '{"a":1}', '{"a":"x"}')
    check('{"definitions":{"n":{"$ref":"#/definitions/m"},"m":{"$ref":"#/definitions/o"},"o":{"type":"integer"}},"properties":{"a":{"$ref":"#/definitions/n"}}}', '{"a":1}', '{"a":"x"}')
    check('{"properties":{"a":{"$ref":"#/definitions/none"}}}', '{"a":"x"}')
    check('{"properties":{"a":{"$ref":"#/definitions/none/more"},"b":{"$ref":"#/properties/a"}}}', '{"a":"x","b":1}')
    check('{"$ref":"#/definitions/n","definitions":{"n":{"type":"integer"}}}', "1", '"x"')
    check('{"type":"string","$ref":"#/definitions/n","definitions":{"n":{"type":"integer"}}}', "1", '"x"')
    check('{"type":"integer","properties":{"a":{"$ref":"http://example.test/#/x","type":"string"}}}', "1", '{"a":1}')
    check('{"properties":{"a":{"$ref":"other.json","type":"string"},"b":{"$ref":"","type":"string"},"c":{"$ref":5,"type":"string"}}}', '{"a":1}', '{"b":1}', '{"c":1}')
    check('{"properties":{"a":{"$ref":"#bad","type":"string"},"b":{"$ref":"#/a b","type":"string"},"c":{"$ref":"#/%zz","type":"string"},"d":{"$ref":"#/~2","type":"string"}}}', '{"a":1}', '{"b":1}', '{"c":1}', '{"d":1}')
    check('{"definitions":{"a b":{"type":"integer"},"c/d":{"type":"string"},"e~f":{"type":"null"},"\\u00e9":{"type":"boolean"},"":{"type":"array"},"%":{"type":"object"}},"properties":{"1":{"$ref":"#/definitions/a%20b"},"2":{"$ref":"#/definitions/c~1d"},"3":{"$ref":"#/definitions/e~0f"},"4":{"$ref":"#/definitions/%C3%A9"},"5":{"$ref":"#/definitions/"},"6":{"$ref":"#/definitions/%25"},"7":{"$ref":"#/definitions/c%2Fd"},"8":{"$ref":"#/definitions/e%7E0f"}}}',
        '{"1":"x"}', '{"2":1}', '{"3":1}', '{"4":1}', '{"5":1}', '{"6":1}', '{"7":1}', '{"8":1}', '{"1":1,"2":"x","3":null,"4":true,"5":[],"6":{}}')
    check('{"definitions":{"0":{"type":"integer"},"01":{"type":"integer"},"list":[{"type":"integer"},{"type":"string"}]},"properties":{"a":{"$ref":"#/definitions/0"},"b":{"$ref":"#/definitions/01"},"c":{"$ref":"#/definitions/list/1"},"d":{"$ref":"#/definitions/list/5"},"e":{"$ref":"#/definitions/list/01"}}}',
        '{"a":"x"}', '{"b":"x"}', '{"c":1}', '{"d":1}', '{"e":1}')
    check('{"items":[{"type":"integer"},{"$ref":"#/items/0"},{"$ref":"#/items/1"}]}', '[1,2,3]', '[1,"x"]', '[1,2,"x"]')
    check('{"allOf":[{"$ref":"#/definitions/a"},{"$ref":"#/definitions/b"}],"anyOf":[{"$ref":"#/definitions/c"}],"definitions":{"a":{"type":"integer"},"b":{"minimum":3},"c":{"maximum":9}}}', "5", "1", "10", '"x"')
    check('{"not":{"$ref":"#/definitions/a"},"definitions":{"a":{"type":"integer"}}}', "5", '"x"')
    check('{"additionalProperties":{"$ref":"#/definitions/a"},"patternProperties":{"^p":{"$ref":"#/definitions/b"}},"dependencies":{"d":{"$ref":"#/definitions/c"}},"definitions":{"a":{"type":"integer"},"b":{"type":"string"},"c":{"required":["x"]}}}', '{"q":1}', '{"q":"x"}', '{"p":"x"}', '{"p":null}', '{"d":1}', '{"d":1,"x":2}')
    check('{"additionalItems":{"$ref":"#/definitions/a"},"items":[{}],"definitions":{"a":{"type":"integer"}}}', '["x",1]', '["x","y"]')
    -- references into what is no schema, and to the schemas that keywords make by the way
    check('{"properties":{"a":{"type":"integer"},"b":{"$ref":"#/properties"}}}', '{"b":{"a":"x"}}', '{"b":5}')
    check('{"properties":{"enum":{"type":"integer"},"not":{"type":"string"},"x":{"$ref":"#/properties"},"y":{"$ref":"#/properties/not"}}}', '{"enum":"x"}', '{"not":1}', '{"x":1}', '{"x":"s"}', '{"y":1}', '{"y":"s"}')
    check('{"enum":[{"type":"string"},{"$ref":"#/enum/0"}],"properties":{"a":{"$ref":"#/enum/0"}}}', '{"type":"string"}', '{"$ref":"#/enum/0"}', '{"a":1}')
    check('{"properties":{"a":{"properties":{"b":{"$ref":"#/properties/a"},"c":{"type":"integer"}}}}}', '{"a":{"b":{"b":{"c":1}}}}', '{"a":{"b":{"b":{"c":"x"}}}}')
    check('{"properties":{"a":{"$ref":"#/properties/b"},"b":{"type":"integer"}},"definitions":{"z":{"$ref":"#/properties/a"}},"items":{"$ref":"#/definitions/z"}}', '{"a":"x"}', '["x"]', "[1]")
    check('{"properties":{"a":{"type":"integer"},"a":{"type":"string"}}}', '{"a":1}', '{"a":"x"}')
    check('{"type":"integer","type":"string"}', "1", '"x"')
    check('{"definitions":{"loop":{"items":{"$ref":"#/definitions/loop"},"maxItems":2}},"$ref":"#/definitions/loop"}', "[[[],[]],[]]", "[[[],[1,2,3]]]")
    inject_payload("txt", "references")
    return 0
end

function timer_event() end
