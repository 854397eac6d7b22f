require "string"
require "table"
local function fmt(v)
    if type(v) == "string" then return string.format("%q", (string.gsub(v, "[^\32-\126]", function(c) return string.format("<%02x>", string.byte(c)) end))) end
    if type(v) ~= "table" then return tostring(v) end
    local keys, out = {}, {}
    for k in pairs(v) do keys[#keys + 1] = k end
    table.sort(keys, function(a, b) return tostring(a) < tostring(b) end)
    for i, k in ipairs(keys) do out[i] = tostring(k) .. "=" .. fmt(v[k]) end
    return "{" .. table.concat(out, ", ") .. "}"
end
local function show(label, ...)
    add_to_payload(label, ":")
    for i = 1, select("#", ...) do add_to_payload(" ", fmt((select(i, ...)))) end
    add_to_payload("\n")
end
local function try(label, f, ...) show(label, pcall(f, ...)) end
function process_message() return 0 end
local l = require "libinjection"
local function token(t) if t then return {t.val, t.type, t.pos, t.len, t.count, t.str_open, t.str_close, tostring(t.nosuch)} end end
function timer_event()
    local names = {}
    for k, v in pairs(l) do names[#names + 1] = k .. " " .. (type(v) == "number" and v or type(v)) end
    table.sort(names)
    show("names", names)
    local s = l.sqli_state()
    show("fresh", type(s), s.fingerprint, s.reason, s.flags, s.pos, s.slen, s.stats_tokens, s.userdata, s.nosuch, l.is_sqli(s))
    l.sqli_init(s, "select 'a' , @@b from `c` -- d", 30, 0)
    local n = 0
    while l.sqli_tokenize(s) == 1 do n = n + 1 show("token " .. n, token(s.current), s.pos, s.stats_tokens) end
    l.sqli_reset(s, l.FLAG_SQL_MYSQL)
    show("reset", s.flags, s.pos, s.s, s.slen)
    show("fold", l.sqli_fold(s))
    for i = 0, 5 do show("folded " .. i, token(l.sqli_get_token(s, i))) end
    show("outside", l.sqli_get_token(s, -1), l.sqli_get_token(s, 6))
    for flags = 0, 31 do show("flags " .. flags, l.sqli_fingerprint(s, flags), s.flags, l.sqli_blacklist(s), l.sqli_not_whitelist(s), l.sqli_check_fingerprint(s), s.reason) end
    for _, w in ipairs{"select", "SELECT", "nothing", "union all", "", "0UE", "||", "sleep", "abs", "a\0b"} do show("word " .. w, l.sqli_lookup_word(s, l.LOOKUP_WORD, w, #w), l.sqli_lookup_word(s, l.LOOKUP_OPERATOR, w, #w)) end
    l.sqli_init(s, "1 or 1=1", 8, 0)
    l.is_sqli(s)
    show("fingerprint", l.sqli_lookup_word(s, l.LOOKUP_FINGERPRINT, "x", 1))
    l.sqli_init(s, "hello\0there", 11, 0)
    show("nul", s.s, s.slen, l.is_sqli(s), s.fingerprint)
    for _, name in ipairs{"version", "sqli", "xss", "is_sqli", "sqli_init", "sqli_reset", "sqli_fingerprint", "sqli_lookup_word", "sqli_tokenize", "sqli_fold", "sqli_blacklist", "sqli_not_whitelist", "sqli_check_fingerprint", "sqli_get_token", "sqli_state", "sqli_token"} do
        for _, args in ipairs{{n = 0}, {n = 1, "x"}, {n = 1, 5}, {n = 2, s, "x"}, {n = 2, "x", 1}, {n = 2, {}, {}}, {n = 3, "a", 1, {}}, {n = 3, "a", -1, ""}, {n = 3, {}, 1, ""}, {n = 4, s, "a", "x", 1}, {n = 4, s, {}, 1, 1}, {n = 4, s, "a", 1, "x"}, {n = 4, "x", "a", 1, 1}, {n = 5, 1, 2, 3, 4, 5}, {n = 1, l.sqli_token()}} do
            local ok, e = pcall(l[name], unpack(args, 1, args.n))
            if not ok then show(name, e) end
        end
    end
    show("set", pcall(function() s.flags = 1 end), pcall(function() s.nosuch = 1 end), pcall(function() l.sqli_token().val = 1 end))
    show("token", token(l.sqli_token()))
    inject_payload("txt", "states")
end
