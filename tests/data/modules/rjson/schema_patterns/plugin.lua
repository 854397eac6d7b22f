require "rjson"
require "string"
require "table"

local function quote(s)
    return '"' .. s:gsub('[%c"\\\128-\255]', function(c)
        if c:byte() >= 128 then return c end
        return string.format("\\u%04x", c:byte())
    end) .. '"'
end

-- true or false for each text; a pattern that is refused matches everything
local function check(pattern, ...)
    local s = rjson.parse_schema('{"pattern":' .. quote(pattern) .. "}")
    add_to_payload(pattern:gsub("[^\32-\126]", "."), " ")
    for i = 1, select("#", ...) do
        local ok = rjson.parse(quote((select(i, ...)))):validate(s)
        add_to_payload(ok and "1" or "0")
    end
    add_to_payload("\n")
end

local subjects = {"", "a", "b", "ab", "aab", "abc", "aa", "aba", "abab", "a b", "a\nb", "a\rb", "A", "1", "12", "_", " ", "-", "a-b", "]", "^", "$", ".", "\\", "{", "}", "a{2}", "a1_b", "\0", "a\0", "\9", "\11", "\127", "\128", "\255", "\195\169", "foo bar", "2024-02-29", "x@y.zz", "aaaaaaaaaa", "abcabc", "cab"}

local patterns = {
    "", "a", "^a", "a$", "^a$", "^$", "a|b", "a|", "|a", "^(a|b)*$", "a*", "a+", "a?", "a*?", "a+?", "a??", "a**", "a*+", "a+?+", "^a{2}$", "^a{2,}$", "^a{1,2}$", "^a{0}$", "a{2", "a{,2}", "a{2,1}", "a{x}", "a{}", "a{2}{2}", "{2}", "a|*", "*a", "+", "?", "(*a)", "^*", "$+", "a{300}",
    ".", "^.$", "^..$", "a.b", "(", ")", "()", "(a", "a)", "(a)(b)", "((a))", "(?:a)b", "(?:a|b)+$", "(?", "(?a)", "(?<a>b)", "(?i)a", "(?=a)b", "a(?=b)", "a(?!b)", "^(?!.*b)", "(?=a)*", "(?=^b)b", "a(?=^b)", "a(?=\\bb)", "(?=(a))\\1b", "(?!(a))\\1",
    "\\d", "\\D", "^\\d+$", "\\w", "\\W", "^\\w+$", "\\s", "\\S", "^\\S+$", "\\b", "\\B", "\\bb", "\\Bb", "b\\b", "\\b+", "a\\b", "\\0", "\\01", "\\t", "\\n", "\\r", "\\f", "\\v", "\\cA", "\\ca", "\\c", "\\x41", "\\x4", "\\xzz", "\\u0041", "\\u00e9", "\\u41", "\\.", "\\-", "\\/", "\\q", "\\", "\\\\", "\\]", "\\{", "a\\{2\\}", "\\$", "\\^",
    "(a)\\1", "(a)b\\1", "^(a|b)\\1$", "(a)?\\1b", "\\1(a)", "(a\\1)", "\\1", "\\2(a)", "(a)(b)\\2", "((a)b)\\2", "(a*)*\\1b", "(ab)\\1", "^(.*)\\1$", "(a)\\10", "(a|ab)(c|bcd)\\1", "(?:(a)|b)*\\1$",
    "[a]", "[ab]", "[^a]", "^[^a]+$", "[]", "[^]", "[]a]", "[a", "[a-c]", "[c-a]", "[a-a]", "[-a]", "[a-]", "[--a]", "[a-c-e]", "[a-c-]", "[-]", "[--]", "[---]", "[----]", "[^-]", "[\\d]", "[^\\d]", "[\\D]", "[^\\D]", "[\\w-]", "[\\w-a]", "[a-\\w]", "[\\b]", "[\\B]", "[\\1]", "[\\0]", "[\\]]", "[\\\\]", "[\\x41-\\x43]", "[\\u0041]", "[\\cA]", "[.]", "[$^]", "[a^]", "[(]", "[|]", "[[]", "[[a]", "[[", "[a[", "[[:alpha:]]", "[[:ALPHA:]]", "[^[:alpha:]]", "[[:digit:][:space:]]", "[[:w:]]", "[[:nothing:]]", "[[:alpha]", "[[:alpha:]", "[[:alpha:]-z]", "[[.a.]]", "[[.a.]-c]", "[[.aa.]]", "[[=a=]]", "[[=b=]-c]", "[[:punct:]]", "[[:cntrl:]]", "[[:xdigit:]]", "[[:blank:]]", "[[:upper:]]", "[[:lower:]]", "[[:print:]]", "[[:graph:]]", "[[:alnum:]]", "[\127-\128]", "[\128-\255]", "[\255-\128]", "[a-\255]", "[\128-a]", "[\195\169]", "\195\169", "^.\195",
    "^\\d{4}-\\d{2}-\\d{2}$", "^[^@]+@[^@]+\\.[a-z]+$", "^(a+)+$", "^(a|a)*b$", "(a|b|ab)*c", "^(?:a|ab)(?:c|bcd)?$", "x*", "^x*$", "}", "]", "a]", "a}", "-", "a--b", "a&b", "^^a", "a$$", "^a|b$", "(^a)", "(a$)", "(|a)+b", "(a|)+b", "(a*)+b", "(?:)+a", "()*a", "(){3}a", "a{0,3}b", "(ab){2}", "(?:ab){1,3}$", "a{1}{2}b",
}

function process_message()
    for _, pattern in ipairs(patterns) do check(pattern, unpack(subjects)) end
    inject_payload("txt", "fixed")
    local seed = 99
    local function random(n)
        seed = (seed * 16807) % 2147483647
        return seed % n
    end
    local pieces = {"a", "b", "c", ".", "[ab]", "[^a]", "(", "(?:", ")", "|", "*", "+", "?", "{2}", "{1,2}", "^", "$", "\\b", "\\w", "\\W", "(?=", "(?!", "\\1", "-", "[", "]"}
    local few = {"", "a", "b", "ab", "ba", "abc", "aabb", "abab", "cab", "a b", "bbb", "aca"}
    for _ = 1, 400 do
        local p, open = {}, 0
        for i = 1, 1 + random(9) do
            local piece = pieces[1 + random(#pieces)]
            if piece:sub(1, 1) == "(" then open = open + 1 end
            if piece == ")" then open = open - 1 end
            p[i] = piece
        end
        check(table.concat(p) .. (open > 0 and (")"):rep(open) or ""), unpack(few))
    end
    inject_payload("txt", "random")
    return 0
end

function timer_event() end
