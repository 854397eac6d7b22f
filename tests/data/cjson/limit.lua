-- Run with output_limit = 1000: the least n that fails, for different kinds of values.
function run()
    local function first(label, from, to, make)
        for n = from, to do
            local v = make(n)
            local ok, text = pcall(cjson.encode, v)
            if not ok then add_to_payload(label, " ", n, " ", text, "\n") return end
        end
        add_to_payload(label, " none\n")
    end
    local function filled(v) return function(n) local t = {} for i = 1, n do t[i] = v end return t end end
    first("string", 1, 300, function(n) return ("x"):rep(n) end)
    first("key", 1, 300, function(n) return {[("x"):rep(n)] = 1} end)
    first("element", 1, 300, function(n) return {("x"):rep(n)} end)
    first("second", 1, 300, function(n) return {("\1"):rep(100), ("x"):rep(n)} end)
    first("numbers", 1, 600, filled(1))
    first("long numbers", 1, 600, filled(0.1234567))
    first("true", 1, 600, filled(true))
    first("false", 1, 600, filled(false))
    first("null", 1, 600, filled(cjson.null))
    first("arrays", 1, 600, filled({nil}))
    first("objects", 1, 600, filled({}))
    first("number keys", 1, 600, function(n) local t = {} for i = 1, n do t[-i] = true end return t end)
    cjson.encode_invalid_numbers(true)
    first("infinite", 1, 600, filled(-1/0))
    first("nan", 1, 600, filled(0/0))
    add_to_payload(cjson.encode({1, 2}))
end
