-- `re`: patterns in the syntax of regular expressions, as an extension of lpeg (re 1.0.2).
--
-- This is a script, because everything it does is lpeg's: it parses descriptions with a grammar of
-- lpeg's and builds patterns with lpeg's operators. Production's is a script too, which a Lua path
-- usually finds before this one.
--
-- Scripts see where errors arise: "modules/re.lua:163: rule 'x' used outside a grammar". Statements
-- that raise therefore stand in the lines that production's have; a test knows which ones. That is
-- why comments here are long and why there are gaps.
--
-- First come names and small parts of the syntax, then functions that make patterns, then the grammar
-- from the inside out, at last the five functions of the module.

local error, getmetatable, pairs = error, getmetatable, pairs
local setmetatable, tonumber, type = setmetatable, tonumber, type

-- Descriptions are parsed and patterns built with the same module. Operators are called by name:
-- the grammar hands them on as values, together with their second operand.
local lpeg = require "lpeg"
local P, R, S, V = lpeg.P, lpeg.R, lpeg.S, lpeg.V
local C, Cb, Cc, Cf, Cg, Cs, Ct, Cmt = lpeg.C, lpeg.Cb, lpeg.Cc, lpeg.Cf, lpeg.Cg, lpeg.Cs, lpeg.Ct, lpeg.Cmt
local operators = getmetatable(P(true))
local either, both, power = operators.__add, operators.__mul, operators.__pow
local ahead, not_ahead, turned = operators.__len, operators.__unm, operators.__div

local any = P(1)

-- Predefined names: %nl, and of each class of the locale the whole name (%alpha), its letter
-- (%a), and the letter in upper case for all other bytes (%A).

local predefined = {nl = P"\n"}

local letters = { -- both cases written out: the string library may not be loaded
  alpha = {"a", "A"}, cntrl = {"c", "C"}, digit = {"d", "D"}, graph = {"g", "G"}, lower = {"l", "L"},
  punct = {"p", "P"}, space = {"s", "S"}, upper = {"u", "U"}, alnum = {"w", "W"}, xdigit = {"x", "X"},
}

-- Patterns made by match, find and gsub, by description, as long as something else keeps them.
-- Those of gsub are one level deeper, by replacement. A new locale makes them void.
local matchers, finders, replacers

local function weak_table()
  return setmetatable({}, {__mode = "v"})
end

local function updatelocale()
  lpeg.locale(predefined)
  for class, cases in pairs(letters) do
    predefined[cases[1]] = predefined[class]
    predefined[cases[2]] = any - predefined[class]
  end
  matchers, finders, replacers = weak_table(), weak_table(), weak_table()
end

updatelocale()

-- Space is what the locale of the start says, and comments from -- to the end of the line.

local space = (predefined.space + "--" * (any - predefined.nl)^0)^0

-- A name is plain here; where its text is wanted it is captured as `name`. With an arrow behind it,
-- a name begins the next rule of a grammar and so ends what comes before.
local plain_name = R("AZ", "az", "__") * R("AZ", "az", "09", "__")^0
local name = C(plain_name)
local arrow = space * "<-"

-- Behind a sequence stands an alternative, a closing bracket, the next rule, or nothing. What else
-- stands there is in no language of ours.
local sequence_end = P"/" + ")" + "}" + ":}" + "~}" + "|}" + plain_name * arrow + -any

local number = C(R"09"^1) * space / tonumber
local literal = "'" * C((any - "'")^0) * "'" + '"' * C((any - '"')^0) * '"'

-- A match-time function: the error is raised while the description is parsed, before any name in it
-- is looked up. It shows the rest of the description, at most twenty-one bytes of it. Its position
-- is that of the caller, which is no script, so that the text stands alone.
local function refuse(description, position)
  local rest = description:sub(position)
  if #description >= position + 20 then
    rest = description:sub(position, position + 20) .. "..."
  end
  error(("pattern error near '%s'"):format(rest), 2)
end

-- Definitions are the table that compile was given: the first extra argument of the match, nil
-- if there is none. A name in an arrow's place must be in it.
local defined_name = name * lpeg.Carg(1)

-- Functions that patterns are given to. p^n: by squares, the odd ones kept.
local function times(pattern, n)
  local res = P(true)
  while n >= 1 do
    if n % 2 >= 1 then res = res * pattern end
    pattern, n = pattern * pattern, n / 2
  end
  return res
end

-- A match-time function: the text that a group captured, once more.
local function same_text(subject, position, text)
  if type(text) ~= "string" then return nil end
  local behind = position + #text
  return subject:sub(position, behind - 1) == text and behind or nil
end







-- What a name stands for in the table that compile was given.
local function look_up(id, definitions)
  local found = definitions and definitions[id]
  if not found then error("undefined name: " .. id) end
  return found
end

-- The operand that a name stands for, and the function that takes it.
local function with_definition(f)
  return Cg(defined_name / look_up * Cc(f))
end







-- A name behind a % may be predefined as well. What it stands for is used as it is: a pattern, or
-- anything that lpeg takes for one.
local reference = "%" * defined_name / function(id, definitions)
  local found = definitions and definitions[id] or predefined[id]
  if not found then error("name '" .. id .. "' undefined") end
  return found
end










-- Rules are gathered in a table, as lpeg takes it: the first one's name at 1, then each pattern by
-- its name.
local function add_rule(rules, id, pattern)
  if rules[id] then
    error("'" .. id .. "' already defined as a rule")
  end
  rules[id] = pattern
  return rules
end

local function first_rule(id, pattern)
  return add_rule({id}, id, pattern)
end

-- A use of a rule, where a grammar is around it.
local function use_rule(id, in_grammar)
  if not in_grammar then error("rule '" .. id .. "' used outside a grammar") end
  return lpeg.V(id)
end

-- A class: its members are one pattern, or all bytes but those.
local member = (reference + Cs(any * (P"-" / "") * (any - "]")) / R + C(any)) / P
local class = "[" * C(P"^"^-1) * Cf(member * (member - "]")^0, either) * "]" / function(sign, members)
  return sign == "^" and any - members or members
end

-- What stands behind a pattern gives an operand and a function that joins it to the pattern: how
-- often, by a sign or a number; and behind an arrow what becomes of the captures.
local counts = {["+"] = 1, ["*"] = 0, ["?"] = -1}
local often = Cg(S"+*?" / counts * Cc(power))
local exactly = "^" * (Cg(number * Cc(times)) + Cg(C(S"+-" * R"09"^1) * Cc(power)))













local function apply(pattern, operand, f) return f(pattern, operand) end

local arrows = "->" * space
    * (Cg((literal + number) * Cc(turned)) + "{}" * Cc(nil, Ct) + with_definition(turned))
  + "=>" * space * with_definition(Cmt) + "~>" * space * with_definition(Cf)
local expression, prefix, definition = V"expression", V"prefix", V"definition"

-- The grammar. Whether a rule is used inside one is in a group, which back references find.
local grammar = {"expression"}
grammar.expression = space * (V"grammar" + Cf(V"sequence" * ("/" * space * V"sequence")^0, either))
grammar.grammar = Cg(Cc(true), "inside") * Cf(definition / first_rule * Cg(definition)^0, add_rule) / P
grammar.definition = name * arrow * expression
grammar.sequence = Cf(Cc(P"") * prefix^0, both) * (#sequence_end + refuse)
grammar.prefix = "&" * space * prefix / ahead + "!" * space * prefix / not_ahead + V"suffix"
grammar.suffix = Cf(V"primary" * space * ((often + exactly + arrows) * space)^0, apply)
grammar.primary = "(" * expression * ")" + literal / P + class + reference
  + "{:" * (name * ":" + Cc(nil)) * expression * ":}" / function(id, pattern) return Cg(pattern, id) end
  + "=" * name / function(id) return Cmt(Cb(id), same_text) end + P"{}" / lpeg.Cp
  + "{~" * expression * "~}" / Cs + "{|" * expression * "|}" / Ct + "{" * expression * "}" / C + "." * Cc(any)
  + (name * -arrow + "<" * name * ">") * Cb"inside" / use_rule
local whole = space * Cg(Cc(false), "inside") * P(grammar) / P * (-any + refuse)


local function compile(description, definitions)
  if lpeg.type(description) == "pattern" then return description end
  local pattern = whole:match(description, 1, definitions)
  return pattern
end

-- The others keep what they have compiled.
local function match(subject, description, start)
  local pattern = matchers[description]
  if not pattern then
    pattern = compile(description)
    matchers[description] = pattern
  end
  return pattern:match(subject, start or 1)
end


local function find(subject, description, start)
  local pattern = finders[description]
  if not pattern then
    pattern = P{lpeg.Cp() * (compile(description) / 0) * lpeg.Cp() + 1 * V(1)}
    finders[description] = pattern
  end
  local first, behind = pattern:match(subject, start or 1)
  if first then return first, behind - 1 end
  return nil
end


local function gsub(subject, description, replacement)
  local patterns = replacers[description] or {}
  replacers[description] = patterns
  local pattern = patterns[replacement]
  if not pattern then
    pattern = compile(description)
    pattern = Cs((pattern / replacement + 1)^0)
    patterns[replacement] = pattern
  end
  return pattern:match(subject)
end

local re = {compile = compile, match = match, find = find, gsub = gsub, updatelocale = updatelocale}
_G.re = re
return re
