require "string"
require "table"
require "lpeg"
local re = require "re"

local function dump(v)
    if type(v) == "string" then return string.format("%q", v):gsub("\r", "\\r"):gsub("%z", "\\0") end
    if type(v) == "userdata" then return lpeg.type(v) or "userdata" end
    if type(v) ~= "table" then return type(v) == "function" and "function" or tostring(v) end
    local keys = {}
    for k in pairs(v) do keys[#keys + 1] = k end
    table.sort(keys, function(a, b)
        if type(a) == type(b) and type(a) ~= "boolean" then return a < b end
        return type(a) < type(b)
    end)
    local out = {}
    for i, k in ipairs(keys) do out[i] = tostring(k) .. "=" .. (dump(v[k])) end
    return "{" .. table.concat(out, ", ") .. "}"
end

local function show(label, ...)
    add_to_payload(label, ":")
    for i = 1, select("#", ...) do add_to_payload(" ", (dump((select(i, ...))))) end
    add_to_payload("\n")
end

local function try(label, f, ...) show(label, pcall(f, ...)) end
local function m(label, ...) show(label, pcall(re.match, ...)) end

function process_message() return 0 end

function timer_event(ns, shutdown)
    if not shutdown then return end
    show("module", re == require "re", type(_G.re), type(re.compile), type(re.updatelocale))
    m("literal", "abc", "'ab' {}")
    m("literal of quotes", "'", [["'" {}]])
    m("any", "abc", ". . {}")
    m("empty", "abc", "")
    m("empty literal", "abc", "'' {}")
    m("choice", "b", "'a' / 'b' / 'c'")
    m("choice of nothing", "b", "'a' / ")
    m("and", "ab", "&'a' {} .")
    m("not", "ab", "!'b' {} .")
    m("not not", "ab", "!!'a' {}")
    m("star", "aab", "'a'* {}")
    m("plus", "aab", "'a'+ {}")
    m("option", "aab", "'a'? {}")
    m("exactly", "aaaa", "'a'^3 {}")
    m("exactly none", "aaaa", "'a'^0 {}")
    m("exactly 13", ("a"):rep(20), "'a'^13 {}")
    m("at least", "aaaa", "'a'^+2 {}")
    m("at most", "aaaa", "'a'^-2 {}")
    m("several suffixes", "aab", "{'a'}^2 -> '%2%1' {}")
    m("class", "b1-]^", "{[a-c]} {[0-9]} {[-]} {[]]} {[^a]}")
    m("class of names", "b1_", "{[%a%d_]+}")
    m("class complement", "b1 ", "{[^%s]+}")
    m("class range and dash", "a-z", "{[a-]+} {[-z]}")
    m("class of caret", "^", "{[%^^]}")
    m("class with bracket", "[]", "{[[]} {[]]}")
    m("predefined", "aB1 \n", "{%a} {%u} {%d} {%s} {%nl}")
    m("predefined long", "aB1 \n", "{%alpha} {%upper} {%digit} {%space} {%nl}")
    m("predefined complement", "aB1 x", "{%A?} {%D+} {%S} {%W} {%S}")
    m("capture", "abc", "{.} {.{.}}")
    m("position", "abc", "{} . {}")
    m("table", "abc", "{| {.}* |}")
    m("named", "abc", "{| {:x: . :} {: {.} {.} :} |}")
    m("named of captures", "ab", "{| {:x: {.} {.} :} |}")
    m("substitution", "abc", "{~ ('b' -> 'xx' / .)* ~}")
    m("substitution nested", "abc", "{~ {~ 'a' -> 'x' ~} . 'c' -> '' ~}")
    m("back reference", "abab", "{:x: 'a' . :} =x {}")
    m("back reference failing", "abac", "{:x: 'a' . :} =x {}")
    m("back reference of table", "ab", "{:x: {| . |} :} =x")
    m("group of nothing", "ab", "{:x: '' :} =x {}")
    m("string capture", "ab", "({.} {.}) -> '%2-%1-%0'")
    m("number capture", "ab", "({.} {.}) -> 2")
    m("number capture 0", "ab", "({.} {.}) -> 0 {}")
    m("table of captures", "ab", "({.} {.}) -> {}")
    m("comment", "ab", "'a' -- the first\n'b' -- the second\n {}")
    m("spaces", "ab", " \t\n'a'\n\n'b' {}")
    m("parentheses", "abab", "('a' 'b')* {}")
    m("start", "abc", "{} .", 2)
    m("start behind", "abc", "{} .", 10)
    m("start negative", "abc", "{}", -1)
    local defs = {f = function(...) return select("#", ...), ... end, t = {a = "A"}, s = "%0%0", n = 1, w = lpeg.P"word",
        at = function(s, i, c) return i + 1, c end, add = function(a, b) return a .. b end}
    for _, text in ipairs{"'a' -> f", "{.} {.} -> f", "({.} {.}) -> f", "{.} -> t", "{.} -> s", "{.} -> n", "%w", "[%n]", "{.} => at {}",
            "({.} {.} {.}) ~> add", "{.} -> t -> s", "%s", "%n {}", "x <- {.} -> f", "[%w]"} do
        local ok, p = pcall(re.compile, text, defs)
        show("with definitions " .. text, ok, p)
        if ok then show("  match", pcall(p.match, p, "abc")) show("  match", pcall(p.match, p, "word")) end
    end
    local list = re.compile[[
        -- a list of lists
        list <- '(' space {| item* |} ')' space
        item <- list / atom
        atom <- { [a-z0-9]+ } space
        space <- %s*
    ]]
    show("grammar", list:match"(a (b c) () ((d)))", list:match"(a")
    m("grammar in parentheses", "xyz", "(a <- 'x' b  b <- 'y') 'z' {}")
    m("grammar in grammar", "xxy", "a <- b b <- (c <- 'x' c / 'y') {}")
    m("name in brackets", "xy", "a <- <b> {} b <- 'x'")
    m("name before arrow", "xy", "a <- b c b <- 'x' c <- 'y' {}")
    m("recursion", "((()))", "p <- '(' p ')' / '' ")
    show("find", re.find("hello world", "'wor'"))
    show("find from", re.find("hello hello", "'hello'", 2))
    show("find none", re.find("hello", "'x'"))
    show("find with captures", re.find("hello", "{'l'}{'l'}"))
    show("find empty", re.find("hello", "''"))
    show("find pattern", re.find("hello", lpeg.P"ll"))
    show("gsub", re.gsub("hello world", "[aeiou]", "*"))
    show("gsub text", re.gsub("hello world", "{.} {.}", "%2%1"))
    show("gsub function", re.gsub("hello world", "{[aeiou]}", string.upper))
    show("gsub table", re.gsub("hello world", "{.}", {h = "H", w = "W"}))
    show("gsub pattern", re.gsub("hello", lpeg.P"l", "L"))
    show("gsub again", re.gsub("hello world", "[aeiou]", "*"), re.gsub("hello", "[aeiou]", "+"))
    local p = re.compile"'a'"
    show("compiled", re.compile(p) == p, re.match("a", p), re.match("a", p), re.find("ba", p))
    show("operators", (p * re.compile"'b'" + 1):match"ab")
    re.updatelocale()
    m("after updatelocale", "a1", "{%a} {%d}")
    inject_payload("txt", "result")
end
