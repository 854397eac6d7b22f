-- random descriptions: what they compile to, and what they match
require "lpeg" require "string" require "table"
local re = require "re"
local seed = 7
local function rnd(n) seed = (seed * 1103515245 + 12345) % 2147483648 return (seed - seed % 65536) / 65536 % n + 1 end
local words = {"'a'", "'b'", '"ab"', "[a-c]", "[^b]", "%a", "%d", "%nl", "%x", "%W", ".", "{}", "{", "}", "(", ")", "{:", ":}", "{:x:", "{~", "~}", "{|", "|}", "/", "/", " ", "\n", "-- c\n",
  "&", "!", "*", "+", "?", "^2", "^+1", "^-2", "->", "=>", "~>", "'%1-%0'", "'x'", "f", "g", "{}", "3", "0", "1", "=x", "name", "<name>", "<-", "a <- ", "b <- ", "a", "b", "[]]", "[", "]", "%foo", "^", "--", "'", "\"", "%"}
local defs = {f = function(...) return select("#", ...), (...) end, g = function(s, i) return type(i) == "number" and i end, foo = "a", name = lpeg.P"q"}
local subjects = {"", "a", "ab", "aabbab", "bca", "a1 b2\nq"}
function process_message() return 0 end
function timer_event(ns, shutdown)
  if not shutdown then return end
  local done = 0
  for i = 1, 3000 do
    local t = {}
    for j = 1, rnd(9) do t[j] = words[rnd(#words)] .. (rnd(3) == 1 and " " or "") end
    local d = table.concat(t)
    local ok, p = pcall(re.compile, d, defs)
    add_to_payload(i, " ", d, " ", tostring(ok), " ", ok and "" or p, "\n")
    if ok then
      done = done + 1
      for _, s in ipairs(subjects) do
        local r = {pcall(p.match, p, s)}
        for k = 1, #r do add_to_payload(" ", type(r[k]) == "table" and "table" .. #r[k] or tostring(r[k])) end
      end
      add_to_payload("\n")
    end
  end
  add_to_payload("done ", done)
  inject_payload("txt","r")
end
