local function deep(n) local t = {} for i = 2, n do t = {t} end return t end
local function deep_object(n) local t = {} for i = 2, n do t = {a = t} end return t end
function run()
    local all = {}
    for i = 0, 255 do all[#all + 1] = string.char(i) end
    try("bytes", cjson.encode, table.concat(all))
    local numbers = {0, -0, 1, -1, 0.1, 1/3, 2/3, 1e14, 1e15, 99999999999999, 999999999999999, 123456789.123, 2^53, 1e100, 5e-324,
        1.7976931348623157e308, 0.0001, 0.00001, 100, 1234.5678, 0.00012345, 2.5, 3.5, 0.25, 95, 9.5, 99.5, 1e21, -1e-7}
    for p = 1, 14 do
        cjson.encode_number_precision(p)
        try("precision " .. p, cjson.encode, numbers)
    end
    for _, mode in ipairs({"off", "on", "null"}) do
        cjson.encode_invalid_numbers(mode)
        for _, v in ipairs({1/0, -1/0, 0/0, -(0/0)}) do try(mode, cjson.encode, v) end
        try(mode .. " keys", cjson.encode, {[1/0] = 1, [-1/0] = 2})
    end
    cjson.encode_invalid_numbers("off")
    try("types", cjson.encode, {true, false, cjson.null, "x", 1})
    try("function", cjson.encode, print)
    try("in table", cjson.encode, {{{print}}})
    try("boolean key", cjson.encode, {[true] = 1})
    try("table key", cjson.encode, {[{}] = 1})
    try("null key", cjson.encode, {[cjson.null] = 1})
    try("none", cjson.encode)
    try("nil", cjson.encode, nil)
    try("two", cjson.encode, 1, 2)
    try("empty", cjson.encode, {})
    try("empty array", cjson.encode, {nil})
    local t = {1, 2} t[1] = nil t[2] = nil
    try("emptied", cjson.encode, t)
    t = {a = 1} t.a = nil
    try("emptied object", cjson.encode, t)
    t = {nil} t.a = 1 t.a = nil
    try("emptied mixed", cjson.encode, t)
    for _, s in ipairs({"[]", "{}", "[null]", '{"a":null}', "[[],{}]", '[1,null]', '{"a":[],"b":{}}', "[[[]]]"}) do try("again " .. s, function() return cjson.encode(cjson.decode(s)) end) end
    try("keys", cjson.encode, {[1.5] = 1, [-1] = 2, x = 3})
    try("zero", cjson.encode, {[0] = 1})
    try("holes", cjson.encode, {1, nil, 3, nil, nil, 6})
    try("int overflow", cjson.encode, {[2^31] = 1})
    try("int overflow and one", cjson.encode, {[2^31] = 1, [1] = 2})
    try("int max", cjson.encode, {[2^31 - 1] = 1})
    try("big", cjson.encode, {[2^40] = 1, [2] = 2, [3] = 5})
    for _, n in ipairs({9, 10, 11, 20, 21, 22, 100}) do
        try("sparse " .. n, cjson.encode, {[n] = 1})
        try("sparse pair " .. n, cjson.encode, {[1] = 0, [n] = 1})
        local half = {} for i = 1, 10 do half[i] = i end half[n] = 1
        try("sparse half " .. n, cjson.encode, half)
    end
    cjson.encode_sparse_array(true, 3, 4)
    for _, n in ipairs({3, 4, 5, 6, 7}) do try("converted " .. n, cjson.encode, {[n] = 1}) try("converted pair " .. n, cjson.encode, {[1] = 0, [n] = 1}) end
    cjson.encode_sparse_array(true, 0, 0)
    try("ratio 0", cjson.encode, {[30] = 1})
    cjson.encode_sparse_array(false, 1, 0)
    try("ratio 1", cjson.encode, {1, 2, 3})
    try("ratio 1 hole", cjson.encode, {1, nil, 3})
    cjson.encode_sparse_array(false, 2^31 - 1, 0)
    try("ratio wraps", cjson.encode, {1, 2})
    cjson.encode_sparse_array(false, 2, 10)
    try("1000 deep", function() return #cjson.encode(deep(1000)) end)
    try("1001 deep", cjson.encode, deep(1001))
    try("1000 deep object", function() return #cjson.encode(deep_object(1000)) end)
    try("1001 deep object", cjson.encode, deep_object(1001))
    local loop = {} loop[1] = loop
    try("loop", cjson.encode, loop)
    cjson.encode_max_depth(2)
    try("2", cjson.encode, {{}})
    try("3", cjson.encode, {{{}}})
    cjson.encode_max_depth(2^31 - 1)
    try("loop", cjson.encode, loop)
    loop = {} loop.a = loop
    try("object loop", cjson.encode, loop)
    cjson.decode_max_depth(2^31 - 1)
    for _, n in ipairs({1000, 3000, 7000, 8000, 9000}) do
        try("decode deep " .. n, function() return #cjson.encode(cjson.decode(("["):rep(n) .. ("]"):rep(n))) end)
        try("decode deep object " .. n, function() return #cjson.encode(cjson.decode(('{"a":'):rep(n) .. "1" .. ("}"):rep(n))) end)
    end
    cjson.decode_max_depth(1000)
    for _, n in ipairs({999, 1000, 1001}) do
        try("depth " .. n, function() return type(cjson.decode(("["):rep(n) .. ("]"):rep(n))) end)
        try("depth object " .. n, function() return type(cjson.decode(('{"a": '):rep(n) .. "1" .. ("}"):rep(n))) end)
    end
    add_to_payload("pending ")
    try("kept", cjson.encode, "x")
end
