//! Tables of rules as patterns.
//!
//! A grammar's tree is a list of rules, in the order of the table's traversal with the initial one first. References
//! to rules become calls; then it is checked that no rule can come back to itself without consuming anything, and that
//! no repetition can go on for ever.

use std::ffi::c_int;

use super::{
    analysis::{Analysis, Answer},
    build::{ask, take_values},
    code::MAX_RULES,
    pattern::Pattern,
    tree::{Kind, Node, Tree},
};
use crate::vm::{Lua, Type};

/// Nodes moved that count as one step.
const NODES_PER_STEP: u64 = 16;
/// Room on Lua's stack that collecting a rule needs, as production asks for it.
const RULE_STACK: c_int = 20;

/// Pushes the pattern of the table at argument `index`.
pub fn push(lua: Lua<'_>, index: c_int) -> Pattern<'_> {
    // On the stack: a table of places by rule, then key and pattern of each rule, then the grammar.
    let places = lua.top() + 1;
    let first_key = places + 1;
    let (rules, len) = collect_rules(lua, index, places);
    let pattern = Pattern::push_sized(lua, len);
    if rules as usize > MAX_RULES {
        lua.arg_error(index, c"grammar has too many rules");
    }
    let tree = pattern.tree();
    tree.set(0, Node::linked(Kind::Grammar, rules));
    lua.new_table(0, 0);
    lua.set_environment(-2);
    let mut at = 1;
    for n in 0..rules {
        let rule = first_key + 2 * n + 1;
        let body = Pattern::check(lua, rule).tree();
        tree.set(at, Node::rule(n as u8, 1 + body.len() as i32));
        let end = tree.put(at + 1, body);
        let shift = take_values(lua, rule);
        tree.part(at + 1, end).shift_keys(shift);
        at = end;
    }
    tree.set(at, Node::new(Kind::True));
    lua.get_environment(-1);
    finish(lua, tree, Some(places));
    name_initial_rule(lua, tree, first_key);
    check_rules(lua, tree);
    lua.pop(1);
    lua.replace(places);
    lua.set_top(places);
    pattern
}

/// Pushes a table and fills it with places of rules, pushes keys and patterns; the number of rules and the length of
/// their tree.
fn collect_rules(lua: Lua<'_>, index: c_int, places: c_int) -> (c_int, i64) {
    let first_key = places + 1;
    lua.new_table(0, 0);
    push_initial_rule(lua, index);
    lua.push_value(-2);
    lua.push_number(1.0);
    lua.set_table(places);
    let mut rules = 1;
    let mut len = 2 + Pattern::check(lua, first_key + 1).tree().len() as i64;
    lua.push_nil();
    while lua.next(index) {
        // Production takes the key "1" for the number.
        #[allow(clippy::float_cmp, reason = "as production compares")]
        let is_one = lua.to_number(-2) == 1.0;
        if is_one || lua.equal(-2, first_key) {
            lua.pop(1);
            continue;
        }
        let Some(rule) = Pattern::test(lua, lua.top()) else {
            raise_with_name(lua, -2, b"rule '", b"' is not a pattern")
        };
        lua.check_stack(RULE_STACK, c"grammar has too many rules");
        lua.push_value(-2);
        lua.push_number(len as f64);
        lua.set_table(places);
        len += 1 + rule.tree().len() as i64;
        lua.push_value(-2);
        rules += 1;
    }
    (rules, len + 1)
}

/// Pushes the initial rule's key and pattern.
fn push_initial_rule(lua: Lua<'_>, index: c_int) {
    lua.raw_get_i(index, 1);
    if lua.is_string(-1) {
        lua.push_value(-1);
        lua.get_table(index);
    } else {
        lua.push_number(1.0);
        lua.insert(-2);
    }
    if Pattern::test(lua, lua.top()).is_none() {
        if lua.type_at(-1) == Type::Nil {
            lua.raise(format_args!("grammar has no initial rule"));
        }
        let name = lua.to_c_bytes(-2).unwrap_or_default();
        lua.raise_parts(&[b"initial rule '", name, b"' is not a pattern"]);
    }
}

/// Raises a text with a name for the value at `index` in it.
#[cold]
fn raise_with_name(lua: Lua<'_>, index: c_int, before: &[u8], after: &[u8]) -> ! {
    match lua.to_c_bytes(index) {
        Some(name) => lua.raise_parts(&[before, name, after]),
        None => {
            let kind = lua.type_at(index).name().as_bytes();
            lua.raise_parts(&[before, b"(a ", kind, b")", after])
        }
    }
}

/// As [`raise_with_name`] for value `key` of the list on top.
#[cold]
fn raise_with_value(lua: Lua<'_>, key: u16, before: &[u8], after: &[u8]) -> ! {
    lua.raw_get_i(-1, c_int::from(key));
    raise_with_name(lua, -1, before, after)
}

/// Finishes a tree before it is compiled or checked, with its values on top of the stack: references to rules become
/// calls, with the places in the table at `places`, and sequences and choices lean to the right. Grammars inside are
/// finished already. Without `places` a reference is an error.
pub fn finish(lua: Lua<'_>, tree: Tree<'_>, places: Option<c_int>) {
    let mut at = usize::from(places.is_some());
    while at < tree.len() {
        let node = tree.get(at);
        match node.kind() {
            Kind::Grammar => {
                at = tree.behind_grammar(at);
                continue;
            }
            Kind::OpenCall => close_call(lua, tree, at, places),
            Kind::Sequence | Kind::Choice => {
                let moved = tree.lean_right(at);
                charge(lua, moved / NODES_PER_STEP);
            }
            _ => {}
        }
        at = tree.after(at);
    }
}

fn charge(lua: Lua<'_>, steps: u64) {
    if steps > 0 {
        ask(lua, Tree::new(&[]), |mut it| it.steps(steps));
    }
}

fn close_call(lua: Lua<'_>, tree: Tree<'_>, at: usize, places: Option<c_int>) {
    let call = tree.get(at);
    let Some(places) = places else {
        raise_with_value(lua, call.key, b"rule '", b"' used outside a grammar")
    };
    lua.raw_get_i(-1, c_int::from(call.key));
    lua.get_table(places);
    let place = lua.to_number(-1) as i32;
    lua.pop(1);
    if place == 0 {
        raise_with_value(lua, call.key, b"rule '", b"' undefined in given grammar");
    }
    tree.set(at, call.closed(place - at as i32));
    let rule = tree.get(place as usize);
    tree.set(place as usize, rule.with_key(call.key));
}

/// Names the initial rule where nothing calls it: error texts want a name.
fn name_initial_rule(lua: Lua<'_>, tree: Tree<'_>, first_key: c_int) {
    let rule = tree.get(1);
    if rule.key == 0 {
        let key = lua.raw_len(-1) + 1;
        lua.push_value(first_key);
        lua.raw_set_i(-2, key as c_int);
        tree.set(1, rule.with_key(key as u16));
    }
}

/// What is wrong with a grammar; rules by the keys of their names.
#[derive(Clone, Copy)]
enum Fault {
    LeftRecursive(u16),
    TooManyLeftCalls,
    EmptyLoop(u16),
}

/// Checks a finished grammar, with its values on top of the stack. Rules that nothing uses are left alone.
fn check_rules(lua: Lua<'_>, tree: Tree<'_>) {
    match ask(lua, tree, |analysis| Check { analysis, passed: [0; MAX_RULES], fault: None }.grammar()) {
        None => {}
        Some(Fault::LeftRecursive(rule)) => {
            raise_with_value(lua, rule, b"rule '", b"' may be left recursive");
        }
        Some(Fault::TooManyLeftCalls) => lua.raise(format_args!("too many left calls in grammar")),
        Some(Fault::EmptyLoop(rule)) => raise_with_value(lua, rule, b"empty loop in rule '", b"'"),
    }
}

struct Check<'t, 'b> {
    analysis: Analysis<'t, 'b>,
    /// Rules on the way to where the check is, without anything consumed.
    passed: [u16; MAX_RULES],
    fault: Option<Fault>,
}

impl Check<'_, '_> {
    fn grammar(mut self) -> Answer<Option<Fault>> {
        let tree = self.analysis.tree;
        let mut at = 1;
        while tree.get(at).kind() == Kind::Rule {
            if tree.get(at).key != 0 {
                self.passes(at + 1, 0, false)?;
                if self.fault.is_some() {
                    return Ok(self.fault);
                }
            }
            at = tree.second(at);
        }
        at = 1;
        while tree.get(at).kind() == Kind::Rule {
            let end = tree.second(at);
            let key = tree.get(at).key;
            if key != 0 && self.analysis.has_empty_loop(at + 1, end)? {
                return Ok(Some(Fault::EmptyLoop(key)));
            }
            at = end;
        }
        Ok(None)
    }

    /// Whether the subtree may consume nothing, or `result` if it may not: only then what follows is on the way too.
    /// `count` rules have been passed. After a fault, any answer.
    fn passes(&mut self, mut at: usize, mut count: usize, mut result: bool) -> Answer<bool> {
        self.analysis.enter()?;
        let tree = self.analysis.tree;
        loop {
            self.analysis.step()?;
            at = match tree.get(at).kind() {
                Kind::Char | Kind::Set | Kind::Any | Kind::False | Kind::OpenCall => return Ok(result),
                Kind::True | Kind::Behind => return Ok(true),
                Kind::Not | Kind::And | Kind::Repeat => {
                    result = true;
                    at + 1
                }
                Kind::Capture | Kind::RunTime => at + 1,
                Kind::Call => tree.second(at),
                Kind::Sequence => {
                    if !self.passes(at + 1, count, false)? || self.fault.is_some() {
                        return Ok(result);
                    }
                    tree.second(at)
                }
                Kind::Choice => {
                    result = self.passes(at + 1, count, result)?;
                    if self.fault.is_some() {
                        return Ok(result);
                    }
                    tree.second(at)
                }
                Kind::Rule => {
                    if count >= MAX_RULES {
                        self.fault = Some(self.repeated_rule(count));
                        return Ok(result);
                    }
                    self.passed[count] = tree.get(at).key;
                    count += 1;
                    at + 1
                }
                Kind::Grammar => return self.analysis.is_nullable(at),
            };
        }
    }

    /// A way longer than there can be rules passes one of them twice: the last of those.
    fn repeated_rule(&self, count: usize) -> Fault {
        let passed = &self.passed[..count];
        let repeated = (0..count).rev().find(|&it| passed[..it].contains(&passed[it]));
        repeated.map_or(Fault::TooManyLeftCalls, |it| Fault::LeftRecursive(passed[it]))
    }
}
