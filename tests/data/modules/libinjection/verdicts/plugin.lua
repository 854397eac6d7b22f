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
local texts = {"", " ", "hello", "1", "it's", "O'Brien and sons", "1 union select 1", "1 UNION ALL SELECT a,b FROM c--", "' or '1'='1", "\" or \"\"=\"", "1' or 1=1#", "1 or 1=1", "1; drop table users",
    "admin'--", "admin' #", "1--", "1 --", "1 -- x", "1/**/", "1/*x*/", "1 /*x", "/*!50000 x*/", "1/*/*x*/", "x union", "1 union", "select 1", "sleep(5)", "1 and sleep(5)", "1 && 1", "1||1", "a.b.c",
    "select.1", "select`a`", "`sleep`(1)", "`x`(1)", "1 in (1,2)", "1 not in (1)", "1 like (2)", "1 not like 'x'", "in boolean mode", "1 in boolean mode) or 1=1", "1 into outfile 'x'", "1 into dumpfile 'x'", "1 lock in share mode union select 1",
    "e'x' or 1", "n'x' or 1=1", "u&'x' or 1=1", "q'(x)' or 1=1", "nq'[x]' or 1", "q'xaax' or 1", "b'01' or 1=1", "x'0a' or 1=1", "b'02'", "x'0g'", "0x1f or 1=1", "0b11 or 1=1", "0x", "0b", "1e5 or 1", "1e or 1", "1.5 or 1", ".5 or 1", ". or 1", "1. or 1",
    "1d or 1", "1f or 1", "1fUNION select 1", "1.e(select 1)", "$1,000.00 or 1", "$$x$$ or 1=1", "$a$x$a$ or 1=1", "$ or 1", "$", "$. or 1", "$a", "x $a$y$a$ or 1=1", "@x or 1", "@@version", "@@`v` or 1", "@'x' or 1=1", "@\"x\" or 1=1", "@", "@@",
    "[x] or 1=1", "[x", "\\N or 1=1", "\\1 or 1", "\\%1", "{x 1} or 1", "{`` 1}", "{ts '2000'}", "((1)) or ((1))", "- - 1 or 1", "!!1 or 1", "~1 or 1", "not 1 or 1", "1 <=> 1 or 1", "1 := 1", "a::int or 1", "1::text or 1", ": :: :",
    ";;; select 1", ";if(1=1) select 1", "user() or 1", "user(1)", "current_user or 1", "database() = 'x'", "password(1)", "localtime (1)", "'a' 'b' 'c' or 1", "1,2,3 or 4", "collate utf8_bin x", "1 collate x_y or 1", "binary 1 or 1", "binary binary x",
    "select + (1)", "group by -1", "order by +1,-2", "limit -1, -sleep(1)", "select .`x`", "exec xp_cmdshell 'x'", "declare @x int", "waitfor delay '0:0:5'", "begin", "1 having 1=1", "1 sounds like 2", "1 is null or 1", "sp_password", "1' sp_password--", "x --sp_password",
    "a' and 'b", "foo' & 'bar", "x' o 'y", "1 and 1", "1 and x", "n and 1", "sexy and 17", "1 && @v", "\160 or 1=1", "\255 or 1=1", "\0 or 1=1", "a\0b", "'\\' or 1=1", "'\\\\' or 1=1", "'' or 1=1", "''' or 1=1", "# or 1", "1 # x\n or 1=1", "-- x\n1 or 1=1",
    "<b>bold</b>", "<script>", "<SCRIPT/x>", "<scr\0ipt>", "</script>", "<svg onload=x>", "<SvG/x>", "<xsl:x>", "<xss>", "<x", "<", "<>", "<1>", "< script>", "<!doctype", "<!DOCTYPE x>", "<![CDATA[<script>]]>", "<![CDATA[x]]", "<!-- x -->", "<!--`-->", "<!--[if x]-->", "<!--xml x-->",
    "<!-->", "<!--->", "<!---!>", "<!--\0-\0->", "<?import x>", "<?xml?>", "<!ENTITY x>", "<%x%>", "<%`%>", "<!x`>", "</`>", "</>", "</1`>", "<a href=javascript:x>", "<a href='java\0script:x'>", "<a href=\" javascript:\">", "<a href=`vbscript:x`>", "<a href=data:x>", "<a href=view-source:x>",
    "<a href='&#106;ava'>", "<a href='&#x6A;ava'>", "<a href='&#x6Aava'>", "<a href='&#'>", "<a href='&#x'>", "<a href=&#106>", "<a href='&#99999999;java'>", "<a href='&amp;java'>", "<a href='j\na\nva'>", "<a href='\1\2java'>", "<a href='\200java'>", "<a href=http://x>", "<a onclick=x>", "<a onx=1>",
    "<a on=1>", "<a style=x>", "<a style>", "<a xmlns=x>", "<a xlink:href=x>", "<a XLINKx=1>", "<a attributename=href>", "<a attributename=x>", "<a filter=1>", "<a datasrc=1>", "<a/href/=javascript:x>", "<a href = 'javascript:x'>", "<a\nhref\n=\njavascript:x>", "<a b='c'd='e'onx='f'>",
    "onclick=x", " onclick=x", "'onclick=x", "' onclick='x", "\" onclick=x", "` onclick=x", "x onerror%0b=y", "<a =onclick=x>", "<a / / / onclick=x>", "<a onclick", "<a onclick=", "<a onclick= ", "<a href='javascript", "<//////", "<a////onclick=x>", "<base>", "<ba>", "<embed", "<iframe/", "<style>", "<import>", "<meta x>"}
function timer_event()
    show("version", l.version(), libinjection == l)
    for _, text in ipairs(texts) do
        local state = l.sqli_state()
        l.sqli_init(state, text, #text, 0)
        local verdict = l.is_sqli(state)
        show(text, l.sqli(text, #text, ""), l.xss(text, #text), verdict, state.fingerprint, state.reason, state.flags, state.stats_tokens, state.stats_folds, state.stats_comment_ddx, state.stats_comment_hash)
    end
    show("shorter", l.sqli("1 or 1=1 x", 8, ""), l.sqli("1 or 1=1", 1, ""), l.xss("<script>", 3), l.xss("x", 0), l.sqli(12345, 3, ""), l.sqli("1 or 1=1", 8.9, ""))
    inject_payload("txt", "verdicts")
end
