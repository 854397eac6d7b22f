local texts = {
    "", " ", "1", "-0", "0", "00", "01", "-01", "1.", "1.e2", "1.5", ".5", "-.5", "-.", "-", "--1", "+", "+1", "+.5",
    "1e", "1e+", "1e5", "1E-5", "1e400", "-1e400", "1e-400", "1e99999999999999999999", "0e99999", "1e0x", "1-2",
    "9007199254740992", "9007199254740993", "9007199254740995", "9999999999999999999", "18446744073709551615",
    "18446744073709551616", "123456789012345678901234567890", "0.1", "0.3", "352.725", "5e-324", "2.4703282292062328e-324",
    "1.7976931348623158e308", "1.7976931348623159e308", "0.000001", "123456.789e-10", "00000000000000000000001",
    "0.00000000000000000000000000000000001", "8.5070591730234616e37", "1e22", "1e23", "1.0000000000000000000000001",
    "0x10", "0X1F", "-0x1p4", "0x", "0xg", "0x.8", "0x1.8p3", "0x.p1", "0x1p", "0x1p-1074", "0x1.fffffffffffff8p0", "0x1p99999",
    "0x1p+z", "-0x", "00x1", "nan", "NaN", "NAN", "-nan", "nan(12_a)", "nan(1-)", "nan(", "nanx", "inf", "-inf", "Infinity",
    "-INFINITY", "infinit", "infinityx", "INF", "i", "in", "I", "n", "N", "nul", "null", "nullx", "NULL", "t", "tru", "true",
    "truex", "TRUE", "f", "fals", "false", "falsey",
    "[]", "[ ]", "[", "]", "[,", "[1", "[1,", "[1,]", "[,1]", "[1 2]", "[1:2]", "[1}", "[[]", "[[1],2", "[1]]", "[null,null]",
    "[1,null,3]", "[nan,inf]", "[-", "[true,false]", "[\"x", "[1 \"x", "[1 \"\\q\"", "[1 -x", "[1 +", "[1 +1", "[1 nan", "[1 tru",
    "{}", "{ }", "{", "}", "{,}", "{1:2}", "{a:1}", "{'a':1}", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{\"a\":1", "{\"a\":1]",
    "{\"a\" 1}", "{\"a\" \"b\\q\"}", "{\"a\" nul}", "{\"a\":[}", "{\"a\":1 \"b\":2}", "{\"a\":1,\"a\":2}", "{\"a\":null}",
    "{\"\":1}", "{\"a\\u00e9\":1}", "{\"\\q\":1}", "{nan:1}", "{true:1}", "{null:1}", "{[]:1}", "{{}:1}", "{-:1}", "{\"a\"::1}",
    "{\"a\",1}", "{:1}", "{\"a\":\"b\"x}", "{\"x\":{\"y\":[1,{\"z\":null}]}}",
    "\"\"", "\"", "\"x", "\"a\\", "\"\\\"", "\"\\n\\t\\r\\b\\f\\\\\\/\\\"\"", "\"\\x\"", "\"\\N\"", "\"\\u\"", "\"\\u1\"", "\"\\u12\"",
    "\"\\u123\"", "\"\\u123g\"", "\"\\u0041\\u00e9\\u20ac\\uFFFF\"", "\"\\u0000x\"", "\"\\ud83d\\ude00\"", "\"\\uD83D\\uDE00\"",
    "\"\\ud83d\"", "\"\\ud83dx\"", "\"\\ud83d\\n\"", "\"\\ud800\\u0041\"", "\"\\udc00\"", "\"\\udbff\\udfff\"", "\"\\ud83d\\ud83d\"",
    "\"\\ud83d\\ude0\"", "\"tab\there\nline\"", "\"\195\169\255\"", "\"12345678\"", "\"1234567\\n8\"", "\"12345678\\n\"",
    "\"a long string that ends with a quote \\\" and more\"", "\"0123456789abcdef0123456789abcdef",
    "\0", "[\0\0", "a\0", "\0a", "1\0", "1 \0zzz", "[1\0]", "[1,2]\0]", "\"abc\0def\"", "\"abc\\\0def\"", "tru\0e", "\"\\u12\0004\"",
    " \t\r\n1\t\r\n ", "1\v", "\f1", "\1271", "\2001", "\239\187\191{}", "/* c */ 1", "1 2", "1 \"x\\q", "1 \"x", "1 {", "1 nan", "1 -", "{} []",
    "[\n1\n,\n2\n]\n", "{\r\n\"a\"\t:\t1\n,\n\"b\"\n:\n2}", "[0.5,1e3,-7,12345678901234567890]",
}
function run()
    for _, mode in ipairs({"lax", "strict", "null"}) do
        if mode == "strict" then cjson.decode_invalid_numbers(false) end
        if mode == "null" then cjson.decode_null(true) end
        for _, text in ipairs(texts) do try(mode .. " " .. string.format("%q", text), cjson.decode, text) end
    end
    try("none", cjson.decode)
    try("nil", cjson.decode, nil)
    try("table", cjson.decode, {})
    try("number", cjson.decode, 5)
    try("boolean", cjson.decode, true)
    try("two", cjson.decode, "1", "2")
    try("zero copy", cjson.decode, cjson.null)
    local ok, text = pcall(function() return cjson.decode("[") end)
    try("position", error, text)
    try("encode position", function() return (cjson.encode(print)) end)
end
