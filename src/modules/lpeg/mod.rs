//! `lpeg`: parsing expression grammars (`LPeg` 1.0.2).
//!
//! More than half of production's Lua modules parse with it. Results, error texts, limits, and the order in which
//! functions are called are production's.
//!
//! * [`tree`]: patterns as arrays of nodes; [`set`]: sets of bytes. [`pattern`]: the userdata that holds a tree and its
//!   code.
//! * [`build`]: constructors and operators; [`grammar`]: tables of rules, and their checks.
//! * [`analysis`]: what can be known of a tree; [`code`]: from trees to code, at the first match.
//! * [`machine`]: runs code over a subject and leaves a list of captures; [`captures`]: evaluates that list.
//! * Here: the module's table, and the functions that are none of these.
//!
//! Everything a script can reach is in the arena: trees in userdata blocks, code beside them found by its offset, values
//! in Lua tables. A running match keeps its stacks in its own frame until they grow into userdata on the Lua stack; Lua
//! functions that it calls may raise, match, or drop anything.
//!
//! The functions' environment is the patterns' metatable: that is how a pattern among the arguments is told from other
//! userdata, in a comparison. Patterns without values have the metatable as environment too, as in production.
//!
//! What production cannot survive ends the filter: trees so deep that they overflow its C stack, and what it asserts.
//! Work is counted in the steps that pattern matching has per call, so that a hostile grammar ends at a limit.

mod analysis;
mod build;
mod captures;
mod code;
mod grammar;
mod machine;
mod pattern;
mod set;
#[cfg(test)]
mod tests;
mod tree;

use std::ffi::CStr;

use self::{
    build::{ask_with_scratch, to_pattern},
    captures::Slots,
    pattern::{METATABLE, Pattern},
    set::Set,
};
use crate::{
    sandbox::{Kind, NativeModule},
    vm::{ENVIRONMENT, Lua, REGISTRY, Type, host_call},
};

/// The module.
pub const MODULE: NativeModule =
    NativeModule { name: "lpeg", version: "1.0.2", kind: Kind::BuiltIn, open, io_only: false };

/// The greatest number of entries a script can allow.
const MAX_ENTRIES_LIMIT: i64 = i32::MAX as i64 / 100;

host_call! {
    /// Leaves the module's table on the stack, which is the global of its name too.
    fn open(lua) {
        lua.new_metatable(METATABLE);
        lua.push_value(-1);
        lua.replace(ENVIRONMENT);
        lua.push_number(machine::DEFAULT_MAX_ENTRIES as f64);
        lua.set_field(REGISTRY, machine::MAX_ENTRIES);
        lua.register(None, &[
            (c"__mul", build::sequence),
            (c"__add", build::choice),
            (c"__pow", build::repetition),
            (c"__gc", release),
            (c"__len", build::and),
            (c"__div", build::value_capture),
            (c"__unm", build::not),
            (c"__sub", build::difference),
        ]);
        lua.register(Some(c"lpeg"), &[
            (c"ptree", print_tree),
            (c"pcode", print_code),
            (c"match", match_),
            (c"B", build::behind),
            (c"V", build::rule_reference),
            (c"C", build::simple_capture),
            (c"Cc", build::constant_capture),
            (c"Cmt", build::match_time_capture),
            (c"Cb", build::back_reference),
            (c"Carg", build::argument_capture),
            (c"Cp", build::position_capture),
            (c"Cs", build::substitution_capture),
            (c"Ct", build::table_capture),
            (c"Cf", build::fold_capture),
            (c"Cg", build::group_capture),
            (c"P", build::to_pattern_value),
            (c"S", build::set),
            (c"R", build::range),
            (c"locale", locale),
            (c"version", version),
            (c"setmaxstack", set_max_stack),
            (c"type", type_),
        ]);
        lua.push_value(-1);
        lua.set_field(-3, c"__index");
        1
    }
}

host_call! {
    fn match_(lua) {
        let pattern = to_pattern(lua, 1);
        if pattern.code().is_none() {
            compile(lua, pattern);
        }
        let subject = lua.check_bytes(2);
        let start = start_offset(lua.opt_integer(3, 1), subject.len());
        let slots = Slots { arguments: lua.top() };
        lua.push_nil();
        lua.push_nil();
        lua.get_environment(1);
        lua.push_nil();
        machine::run(lua, pattern, subject, start, slots)
    }
}

/// Compiles the pattern that is argument 1.
#[cold]
fn compile(lua: Lua<'_>, pattern: Pattern<'_>) {
    lua.get_environment(1);
    grammar::finish(lua, pattern.tree(), None);
    lua.pop(1);
    ask_with_scratch(lua, pattern.tree(), |analysis, scratch| {
        let code = code::compile(analysis)?;
        scratch.clear();
        scratch.extend_from_slice(bytemuck::cast_slice(&code));
        Ok(())
    });
    lua.lend(|context| &mut context.scratch, |code| pattern.set_code(lua, code));
}

/// Where a match starts: positions are from 1, negative ones from the end; those outside are brought inside.
fn start_offset(position: i64, len: usize) -> usize {
    if position > 0 {
        usize::try_from(position).map_or(len, |it| (it - 1).min(len))
    } else {
        len.saturating_sub(position.unsigned_abs() as usize)
    }
}

host_call! {
    fn version(lua) {
        lua.push_bytes(b"1.0.2");
        1
    }
}

host_call! {
    fn type_(lua) {
        match Pattern::test(lua, 1) {
            Some(_) => lua.push_bytes(b"pattern"),
            None => lua.push_nil(),
        }
        1
    }
}

host_call! {
    fn set_max_stack(lua) {
        let max = lua.check_integer(1);
        if !(1..=MAX_ENTRIES_LIMIT).contains(&max) {
            lua.arg_error(1, c"out of range");
        }
        lua.set_top(1);
        lua.set_field(REGISTRY, machine::MAX_ENTRIES);
        0
    }
}

host_call! {
    fn print_tree(lua) {
        let pattern = to_pattern(lua, 1);
        if lua.to_boolean(2) {
            lua.get_environment(1);
            grammar::finish(lua, pattern.tree(), None);
            lua.pop(1);
        }
        no_debug_mode(lua)
    }
}

host_call! {
    fn print_code(lua) {
        Pattern::check(lua, 1);
        no_debug_mode(lua)
    }
}

fn no_debug_mode(lua: Lua<'_>) -> ! {
    lua.raise(format_args!("function only implemented in debug mode"))
}

host_call! {
    /// Frees a pattern's code. A script can get at this function and call it while the pattern is matching: the machine
    /// looks for the code again after all that may run Lua code.
    fn release(lua) {
        Pattern::check(lua, 1).drop_code(lua);
        0
    }
}

/// Whether a byte is of a class.
type Class = fn(u8) -> bool;

/// The classes of the C locale.
#[rustfmt::skip]
const CLASSES: [(&CStr, Class); 11] = [
    (c"alnum", |it| it.is_ascii_alphanumeric()),
    (c"alpha", |it| it.is_ascii_alphabetic()),
    (c"cntrl", |it| it.is_ascii_control()),
    (c"digit", |it| it.is_ascii_digit()),
    (c"graph", |it| it.is_ascii_graphic()),
    (c"lower", |it| it.is_ascii_lowercase()),
    (c"print", |it| it.is_ascii_graphic() || it == b' '),
    (c"punct", |it| it.is_ascii_punctuation()),
    (c"space", |it| matches!(it, b' ' | b'\t'..=b'\r')),
    (c"upper", |it| it.is_ascii_uppercase()),
    (c"xdigit", |it| it.is_ascii_hexdigit()),
];

host_call! {
    fn locale(lua) {
        if lua.is_none_or_nil(1) {
            lua.set_top(0);
            lua.new_table(0, 12);
        } else {
            lua.check_type(1, Type::Table);
            lua.set_top(1);
        }
        for (name, is_in) in CLASSES {
            Pattern::push_set(lua, Set::of(is_in));
            lua.set_field(-2, name);
        }
        1
    }
}
