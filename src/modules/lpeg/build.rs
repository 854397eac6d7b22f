//! Constructors and operators: values become patterns, patterns join.
//!
//! A value that stands for a pattern is replaced on the stack by the pattern it stands for. The Lua values that a pattern
//! speaks of (names, functions, constants) are a list, its environment; two patterns that are joined share a list where
//! they can, or a new one is made and the keys of one of them move. The order of checks is production's.

use std::ffi::c_int;

use super::{
    analysis::{Analysis, Answer, Budget},
    grammar,
    pattern::Pattern,
    set::Set,
    tree::{CaptureKind, Kind, Node, Tree},
};
use crate::vm::{Lua, Type, host_call};

/// The most values a pattern can have: keys are 16 bits.
const MAX_VALUES: usize = u16::MAX as usize;

// ── asking ──

/// Runs questions about `tree` where they may own memory, at the expense of the callback.
pub fn ask<T: Copy>(lua: Lua<'_>, tree: Tree<'_>, question: impl FnOnce(Analysis<'_, '_>) -> Answer<T>) -> T {
    ask_with_scratch(lua, tree, |analysis, _| question(analysis))
}

/// As [`ask`], with the context's scratch buffer for an answer that owns memory.
pub fn ask_with_scratch<T: Copy>(
    lua: Lua<'_>,
    tree: Tree<'_>,
    question: impl FnOnce(Analysis<'_, '_>, &mut Vec<u8>) -> Answer<T>,
) -> T {
    let answer = lua.work(|context| {
        let mut budget = Budget { steps: context.meter.steps_left, stack_floor: context.stack_floor };
        let answer = question(Analysis::new(tree, &mut budget), &mut context.scratch);
        context.meter.steps_left = budget.steps;
        answer
    });
    match answer {
        Ok(answer) => answer,
        Err(refusal) => {
            lua.context().meter.set_doom(refusal.doom());
            lua.doom()
        }
    }
}

// ── a pattern's values ──

/// The number of values in the environment at `index`.
fn value_count(lua: Lua<'_>, index: c_int) -> usize {
    if lua.type_at(index) == Type::Table { lua.raw_len(index) } else { 0 }
}

/// Gives the pattern on top a fresh list with room for `count` values.
fn new_values(lua: Lua<'_>, count: usize) {
    lua.new_table(count as c_int, 0);
    lua.set_environment(-2);
}

/// Adds the value at `index` to the list of the pattern on top, which must be its own; its key. Nil takes no room: key 0
/// leads to it.
fn add_value(lua: Lua<'_>, index: c_int) -> u16 {
    if lua.type_at(index) == Type::Nil {
        return 0;
    }
    lua.get_environment(-1);
    let count = lua.raw_len(-1);
    if count >= MAX_VALUES {
        lua.raise(format_args!("too many Lua values in pattern"));
    }
    lua.push_value(index);
    lua.raw_set_i(-2, count as c_int + 1);
    lua.pop(1);
    count as u16 + 1
}

/// Appends the list at `from` to the one at `to`, both negative indices; by how much keys into the former move.
fn append_values(lua: Lua<'_>, from: c_int, to: c_int) -> u16 {
    let (added, count) = (value_count(lua, from), value_count(lua, to));
    if added + count > MAX_VALUES {
        lua.raise(format_args!("too many Lua values in pattern"));
    }
    if added == 0 {
        return 0;
    }
    for n in 1..=added as c_int {
        lua.raw_get_i(from, n);
        lua.raw_set_i(to - 1, count as c_int + n);
    }
    count as u16
}

/// Appends the values of the pattern at `index` to those of the one on top; by how much their keys move.
pub fn take_values(lua: Lua<'_>, index: c_int) -> u16 {
    lua.get_environment(-1);
    lua.get_environment(index);
    let shift = append_values(lua, -1, -2);
    lua.pop(2);
    shift
}

/// Gives the pattern on top a list of its own, of the values of the pattern at `other`, if not 0, and the one at `index`;
/// the latter's key.
fn own_values(lua: Lua<'_>, other: c_int, index: c_int) -> u16 {
    new_values(lua, 1);
    if other != 0 {
        take_values(lua, other);
    }
    add_value(lua, index)
}

/// Gives the pattern on top the values of those at `one` and `two`; `tree` is the part that comes from the latter.
fn join_values(lua: Lua<'_>, one: c_int, two: c_int, tree: Tree<'_>) {
    lua.get_environment(one);
    lua.get_environment(two);
    let (first, second) = (value_count(lua, -2), value_count(lua, -1));
    if first == 0 && second == 0 {
        lua.pop(2);
    } else if second == 0 || lua.equal(-2, -1) {
        lua.pop(1);
        lua.set_environment(-2);
    } else if first == 0 {
        lua.set_environment(-3);
        lua.pop(1);
    } else {
        lua.new_table((first + second) as c_int, 0);
        append_values(lua, -3, -1);
        append_values(lua, -2, -1);
        lua.set_environment(-4);
        lua.pop(2);
        tree.shift_keys(first as u16);
    }
}

/// Gives the pattern on top the list of the one at `index`.
fn share_values(lua: Lua<'_>, index: c_int) {
    lua.get_environment(index);
    lua.set_environment(-2);
}

// ── values that stand for patterns ──

/// The pattern that the value at `index`, an argument, stands for, which takes its place.
#[inline]
pub fn to_pattern(lua: Lua<'_>, index: c_int) -> Pattern<'_> {
    match Pattern::test(lua, index) {
        Some(pattern) => pattern,
        None => convert(lua, index),
    }
}

fn convert(lua: Lua<'_>, index: c_int) -> Pattern<'_> {
    let pattern = match lua.type_at(index) {
        Type::String => literal(lua, lua.to_bytes(index).unwrap_or_default()),
        Type::Number => count(lua, lua.to_integer(index) as i32),
        Type::Boolean => {
            Pattern::push_leaf(lua, Node::new(if lua.to_boolean(index) { Kind::True } else { Kind::False }))
        }
        Type::Table => grammar::push(lua, index),
        Type::Function => {
            let pattern = Pattern::push_new(lua, 2);
            let key = own_values(lua, 0, index);
            pattern.tree().set(0, Node::new(Kind::RunTime).with_key(key));
            pattern.tree().set(1, Node::new(Kind::True));
            pattern
        }
        _ => return Pattern::check(lua, index),
    };
    lua.replace(index);
    pattern
}

/// A sequence of `len` nodes, from node `start` on.
fn fill_sequence(tree: Tree<'_>, start: usize, len: usize, node: impl Fn(usize) -> Node) {
    for n in 0..len - 1 {
        tree.set(start + 2 * n, Node::linked(Kind::Sequence, 2));
        tree.set(start + 2 * n + 1, node(n));
    }
    tree.set(start + 2 * (len - 1), node(len - 1));
}

fn literal<'l>(lua: Lua<'l>, text: &[u8]) -> Pattern<'l> {
    if text.is_empty() {
        return Pattern::push_leaf(lua, Node::new(Kind::True));
    }
    let pattern = Pattern::push_sized(lua, 2 * text.len() as i64 - 1);
    fill_sequence(pattern.tree(), 0, text.len(), |n| Node::linked(Kind::Char, i32::from(text[n])));
    pattern
}

/// `n` bytes, or not `-n` bytes.
fn count(lua: Lua<'_>, n: i32) -> Pattern<'_> {
    if n == 0 {
        return Pattern::push_leaf(lua, Node::new(Kind::True));
    }
    let len = i64::from(n).abs();
    let is_not = n < 0;
    let pattern = Pattern::push_sized(lua, 2 * len - 1 + i64::from(is_not));
    if is_not {
        pattern.tree().set(0, Node::new(Kind::Not));
    }
    fill_sequence(pattern.tree(), usize::from(is_not), len as usize, |_| Node::new(Kind::Any));
    pattern
}

// ── joining ──

/// Pushes argument 1, as a pattern, below a new root.
fn push_above_one(lua: Lua<'_>, root: Node) -> Pattern<'_> {
    let inner = to_pattern(lua, 1).tree();
    let pattern = Pattern::push_new(lua, 1 + inner.len());
    pattern.tree().set(0, root);
    pattern.tree().put(1, inner);
    share_values(lua, 1);
    pattern
}

/// Pushes arguments 1 and 2, which are patterns, below a new root of two children.
fn push_above_two(lua: Lua<'_>, root: Kind) {
    let (one, two) = (to_pattern(lua, 1).tree(), to_pattern(lua, 2).tree());
    let pattern = Pattern::push_new(lua, 1 + one.len() + two.len());
    let tree = pattern.tree();
    tree.set(0, Node::linked(root, 1 + one.len() as i32));
    let second = tree.put(1, one);
    let end = tree.put(second, two);
    join_values(lua, 1, 2, tree.part(second, end));
}

host_call! {
    pub fn to_pattern_value(lua) {
        lua.check_any(1);
        to_pattern(lua, 1);
        lua.set_top(1);
        1
    }
}

host_call! {
    pub fn sequence(lua) {
        let (one, two) = (to_pattern(lua, 1).kind(), to_pattern(lua, 2).kind());
        // What follows a failure may not be dropped from in front of one: it may call functions.
        if one == Kind::False || two == Kind::True {
            lua.push_value(1);
        } else if one == Kind::True {
            lua.push_value(2);
        } else {
            push_above_two(lua, Kind::Sequence);
        }
        1
    }
}

host_call! {
    pub fn choice(lua) {
        let (one, two) = (to_pattern(lua, 1), to_pattern(lua, 2));
        if let (Some(one), Some(two)) = (one.tree().byte_set(0), two.tree().byte_set(0)) {
            Pattern::push_set(lua, one.union(two));
        } else if ask(lua, one.tree(), |mut it| it.never_fails(0)) || two.kind() == Kind::False {
            lua.push_value(1);
        } else if one.kind() == Kind::False {
            lua.push_value(2);
        } else {
            push_above_two(lua, Kind::Choice);
        }
        1
    }
}

host_call! {
    /// `a - b`: not `b`, then `a`.
    pub fn difference(lua) {
        let (one, two) = (to_pattern(lua, 1).tree(), to_pattern(lua, 2).tree());
        if let (Some(one), Some(two)) = (one.byte_set(0), two.byte_set(0)) {
            Pattern::push_set(lua, one.difference(two));
            return 1;
        }
        let pattern = Pattern::push_new(lua, 2 + one.len() + two.len());
        let tree = pattern.tree();
        tree.set(0, Node::linked(Kind::Sequence, 2 + two.len() as i32));
        tree.set(1, Node::new(Kind::Not));
        let second = tree.put(2, two);
        tree.put(second, one);
        // Both of the parts' keys are in one list, or the keys of the part that is not consumed move.
        join_values(lua, 1, 2, tree.part(1, second));
        1
    }
}

host_call! {
    /// `p ^ n`: at least `n`, or at most `-n`.
    pub fn repetition(lua) {
        let n = lua.check_integer(2) as i32;
        let body = to_pattern(lua, 1).tree();
        let len = body.len() as i64;
        let wanted = if n >= 0 {
            (i64::from(n) + 1) * (len + 1)
        } else {
            -i64::from(n) * (len + 3) - 1
        };
        let tree = Pattern::push_sized(lua, wanted).tree();
        if n >= 0 {
            if ask(lua, body, |mut it| it.is_nullable(0)) {
                lua.raise(format_args!("loop body may accept empty string"));
            }
            let mut at = 0;
            for _ in 0..n {
                tree.set(at, Node::linked(Kind::Sequence, len as i32 + 1));
                at = tree.put(at + 1, body);
            }
            tree.set(at, Node::new(Kind::Repeat));
            tree.put(at + 1, body);
        } else {
            // (body (body ... + true) + true), the innermost without a rest.
            let mut at = 0;
            for left in (1..=-i64::from(n)).rev() {
                let rest = left * (len + 3) - 2;
                let is_last = left == 1;
                let link = if is_last { len + 1 } else { rest };
                tree.set(at, Node::linked(Kind::Choice, link as i32));
                tree.set(at + link as usize, Node::new(Kind::True));
                at += 1;
                if !is_last {
                    tree.set(at, Node::linked(Kind::Sequence, len as i32 + 1));
                    at += 1;
                }
                at = tree.put(at, body);
            }
        }
        share_values(lua, 1);
        1
    }
}

host_call! {
    pub fn and(lua) {
        push_above_one(lua, Node::new(Kind::And));
        1
    }
}

host_call! {
    pub fn not(lua) {
        push_above_one(lua, Node::new(Kind::Not));
        1
    }
}

host_call! {
    pub fn set(lua) {
        let mut set = Set::EMPTY;
        lua.check_bytes(1).iter().for_each(|it| set.insert(*it));
        Pattern::push_set(lua, set);
        1
    }
}

host_call! {
    pub fn range(lua) {
        let arguments = lua.top();
        let mut set = Set::EMPTY;
        for n in 1..=arguments {
            let &[first, last] = lua.check_bytes(n) else { lua.arg_error(n, c"range must have two characters") };
            (first..=last).for_each(|it| set.insert(it));
        }
        Pattern::push_set(lua, set);
        1
    }
}

host_call! {
    pub fn behind(lua) {
        let tree = to_pattern(lua, 1).tree();
        let Some(len) = ask(lua, tree, |mut it| it.fixed_len(0)) else {
            lua.arg_error(1, c"pattern may not have fixed length")
        };
        if ask(lua, tree, |mut it| it.has_captures(0)) {
            lua.arg_error(1, c"pattern have captures");
        }
        if len > super::code::MAX_BEHIND {
            lua.arg_error(1, c"pattern too long to look behind");
        }
        push_above_one(lua, Node::linked(Kind::Behind, len));
        1
    }
}

host_call! {
    pub fn rule_reference(lua) {
        let pattern = Pattern::push_leaf(lua, Node::new(Kind::OpenCall));
        // As in production: without an argument the pattern itself is found there, and becomes the name.
        if lua.is_none_or_nil(1) {
            lua.arg_error(1, c"non-nil value expected");
        }
        let key = own_values(lua, 0, 1);
        pattern.tree().set(0, Node::new(Kind::OpenCall).with_key(key));
        1
    }
}

// ── captures ──

/// Pushes a capture around argument 1, with the value at `index`, if not 0.
fn push_capture(lua: Lua<'_>, kind: CaptureKind, index: c_int) -> c_int {
    let pattern = push_above_one(lua, Node::capture(kind, 0));
    if index != 0 {
        let key = own_values(lua, 1, index);
        pattern.tree().set(0, Node::capture(kind, key));
    }
    1
}

/// Pushes a capture around nothing.
fn push_empty_capture(lua: Lua<'_>, kind: CaptureKind, key: u16) -> Pattern<'_> {
    let pattern = Pattern::push_new(lua, 2);
    put_empty_capture(pattern.tree(), 0, kind, key);
    pattern
}

fn put_empty_capture(tree: Tree<'_>, at: usize, kind: CaptureKind, key: u16) {
    tree.set(at, Node::capture(kind, key));
    tree.set(at + 1, Node::new(Kind::True));
}

host_call! {
    pub fn simple_capture(lua) {
        push_capture(lua, CaptureKind::Simple, 0)
    }
}

host_call! {
    pub fn table_capture(lua) {
        push_capture(lua, CaptureKind::Table, 0)
    }
}

host_call! {
    pub fn substitution_capture(lua) {
        push_capture(lua, CaptureKind::Substitution, 0)
    }
}

host_call! {
    pub fn group_capture(lua) {
        let name = if lua.is_none_or_nil(2) { 0 } else { 2 };
        push_capture(lua, CaptureKind::Group, name)
    }
}

host_call! {
    pub fn fold_capture(lua) {
        lua.check_type(2, Type::Function);
        push_capture(lua, CaptureKind::Fold, 2)
    }
}

host_call! {
    /// `patt / value`
    pub fn value_capture(lua) {
        match lua.type_at(2) {
            Type::Function => push_capture(lua, CaptureKind::Function, 2),
            Type::Table => push_capture(lua, CaptureKind::Query, 2),
            Type::String => push_capture(lua, CaptureKind::Text, 2),
            Type::Number => {
                let number = lua.to_integer(2) as i32;
                let pattern = push_above_one(lua, Node::capture(CaptureKind::Number, 0));
                if !(0..=i32::from(i16::MAX)).contains(&number) {
                    lua.arg_error(1, c"invalid number");
                }
                pattern.tree().set(0, Node::capture(CaptureKind::Number, number as u16));
                1
            }
            _ => lua.arg_error(2, c"invalid replacement value"),
        }
    }
}

host_call! {
    pub fn position_capture(lua) {
        push_empty_capture(lua, CaptureKind::Position, 0);
        1
    }
}

host_call! {
    pub fn argument_capture(lua) {
        let number = lua.check_integer(1) as i32;
        if !(1..=i32::from(i16::MAX)).contains(&number) {
            lua.arg_error(1, c"invalid argument index");
        }
        push_empty_capture(lua, CaptureKind::Argument, number as u16);
        1
    }
}

host_call! {
    pub fn back_reference(lua) {
        lua.check_any(1);
        let pattern = push_empty_capture(lua, CaptureKind::BackReference, 0);
        let key = own_values(lua, 0, 1);
        pattern.tree().set(0, Node::capture(CaptureKind::BackReference, key));
        1
    }
}

host_call! {
    pub fn constant_capture(lua) {
        let values = lua.top();
        match values {
            0 => {
                Pattern::push_leaf(lua, Node::new(Kind::True));
            }
            1 => {
                let pattern = push_empty_capture(lua, CaptureKind::Constant, 0);
                let key = own_values(lua, 0, 1);
                pattern.tree().set(0, Node::capture(CaptureKind::Constant, key));
            }
            _ => {
                // One group of them all.
                let tree = Pattern::push_new(lua, 3 * values as usize).tree();
                new_values(lua, values as usize);
                tree.set(0, Node::capture(CaptureKind::Group, 0));
                let mut at = 1;
                for value in 1..=values {
                    if value < values {
                        tree.set(at, Node::linked(Kind::Sequence, 3));
                        at += 1;
                    }
                    let key = add_value(lua, value);
                    put_empty_capture(tree, at, CaptureKind::Constant, key);
                    at += 2;
                }
            }
        }
        1
    }
}

host_call! {
    pub fn match_time_capture(lua) {
        lua.check_type(2, Type::Function);
        let pattern = push_above_one(lua, Node::new(Kind::RunTime));
        let key = own_values(lua, 1, 2);
        pattern.tree().set(0, Node::new(Kind::RunTime).with_key(key));
        1
    }
}
