//! `cjson`: JSON text to Lua values and back, as production's fork of lua-cjson 2.2.0 does it.
//!
//! * [`decode`]: a one-pass reader. Filters over telemetry spend most of their time here, so it is made for speed.
//! * [`encode`]: the writer, with its rules about arrays and about room.
//! * [`scan`]: the reader's position, and its inner loops. [`number`]: what `strtod` reads.
//!
//! This file opens the module and has its settings. As in production they belong to the sandbox and stand in a
//! userdata that every function has as its upvalue; the block has production's size, so that a script's memory is the
//! same to the byte. The buffers behind both directions are outside Lua's memory in production too.
#![allow(unsafe_code)]

mod decode;
mod encode;
mod number;
mod scan;
#[cfg(test)]
mod tests;

use std::ffi::{CStr, c_int};

use crate::{
    sandbox::{Kind, NativeModule},
    vm::{GLOBALS, HostFn, Lua, REGISTRY, Type, host_call, upvalue},
};

/// The module for [`crate::modules::BUILTIN`].
pub const MODULE: NativeModule =
    NativeModule { name: "cjson", open, io_only: false, version: "2.2.0", kind: Kind::BuiltIn };

/// Size of production's settings on a 64-bit machine: two lookup tables and a buffer's head stand among them.
const SETTINGS_SIZE: usize = 1368;
/// A scratch buffer larger than this is given back after use.
const SCRATCH_KEPT: usize = 1 << 20;

/// What the script can set. Plain data in a userdata block; the 0 or 1 of switches is kept as production has it.
#[derive(Clone, Copy)]
#[repr(C)]
struct Settings {
    encode_sparse_convert: c_int,
    encode_sparse_ratio: c_int,
    encode_sparse_safe: c_int,
    encode_max_depth: c_int,
    /// 0 raises, 1 writes them as JavaScript does, 2 writes `null`.
    encode_invalid_numbers: c_int,
    encode_number_precision: c_int,
    decode_invalid_numbers: c_int,
    decode_max_depth: c_int,
    decode_null: c_int,
    /// `output_limit` when the module was opened; 0 or less for none.
    max_size: c_int,
}

impl Settings {
    /// Production counts bytes in a C `int`.
    const NO_LIMIT: usize = c_int::MAX as usize;

    fn new(max_size: c_int) -> Settings {
        Settings {
            encode_sparse_convert: 0,
            encode_sparse_ratio: 2,
            encode_sparse_safe: 10,
            encode_max_depth: 1000,
            encode_invalid_numbers: 0,
            encode_number_precision: 14,
            decode_invalid_numbers: 1,
            decode_max_depth: 1000,
            decode_null: 0,
            max_size,
        }
    }

    /// The most bytes of encoded text, a NUL included.
    fn limit(&self) -> usize {
        if self.max_size > 0 { self.max_size as usize } else { Settings::NO_LIMIT }
    }
}

/// The settings' place in Lua's memory.
fn settings_block(lua: Lua<'_>) -> *mut Settings {
    let block = lua.to_userdata(upvalue(1)).cast::<Settings>();
    if block.is_null() {
        lua.raise(format_args!("BUG: Unable to fetch CJSON configuration"));
    }
    block
}

/// A copy of the settings.
fn settings(lua: Lua<'_>) -> Settings {
    // SAFETY: `open` makes every function of the module with this block, initialised, as its first upvalue.
    unsafe { *settings_block(lua) }
}

/// Changes a setting.
fn set(lua: Lua<'_>, field: fn(&mut Settings) -> &mut c_int, value: c_int) {
    // SAFETY: as for `settings`; the reference ends here.
    unsafe { *field(&mut *settings_block(lua)) = value }
}

host_call! {
    /// Leaves the module's table on the stack and in the global `cjson`.
    fn open(lua) {
        lua.new_table(0, 0);
        push_settings(lua);
        let functions: [(&CStr, HostFn); 9] = [
            (c"encode", encode::encode),
            (c"decode", decode::decode),
            (c"encode_sparse_array", encode_sparse_array),
            (c"encode_max_depth", encode_max_depth),
            (c"decode_max_depth", decode_max_depth),
            (c"encode_number_precision", encode_number_precision),
            (c"encode_invalid_numbers", encode_invalid_numbers),
            (c"decode_invalid_numbers", decode_invalid_numbers),
            (c"decode_null", decode_null),
        ];
        for (name, function) in functions {
            lua.push_value(-1);
            lua.push_closure(function, 1);
            lua.set_field(-3, name);
        }
        lua.pop(1);
        lua.push_light(std::ptr::null_mut());
        lua.set_field(-2, c"null");
        lua.push_bytes(b"cjson");
        lua.set_field(-2, c"_NAME");
        lua.push_bytes(b"2.2.0");
        lua.set_field(-2, c"_VERSION");
        lua.push_value(-1);
        lua.set_field(GLOBALS, c"cjson");
        1
    }
}

/// Pushes a fresh block of default settings.
fn push_settings(lua: Lua<'_>) {
    let block = lua.new_userdata(SETTINGS_SIZE);
    lua.new_table(0, 0);
    lua.push_fn(collect);
    lua.set_field(-2, c"__gc");
    lua.set_metatable(-2);
    lua.get_field(REGISTRY, c"lsb_config");
    let mut max_size = 0;
    if lua.type_at(-1) == Type::Table {
        lua.get_field(-1, c"output_limit");
        max_size = lua.to_integer(-1) as c_int;
        lua.pop(1);
    }
    lua.pop(1);
    // SAFETY: the block is as large as said, aligned for any C type, and on the stack, so it is alive. All of it is
    // written: snapshots compare memory.
    unsafe {
        block.cast::<u8>().write_bytes(0, SETTINGS_SIZE);
        block.cast::<Settings>().write(Settings::new(max_size));
    }
}

host_call! {
    /// Production frees its buffer here; ours needs nothing, but the collector's work is to be the same.
    fn collect(_lua) {
        0
    }
}

fn at_most(lua: Lua<'_>, arguments: c_int) {
    if lua.top() > arguments {
        lua.arg_error(arguments + 1, c"found too many arguments");
    }
}

/// Sets a number from argument `n` unless that is nil, and pushes what is set.
///
/// As in production an absent argument is not nil: one that earlier results of the same call have taken the place of
/// is seen as that result.
fn integer_option(lua: Lua<'_>, n: c_int, field: fn(&mut Settings) -> &mut c_int, min: c_int, max: c_int) {
    if lua.type_at(n) != Type::Nil {
        let value = lua.check_int(n);
        if !(min..=max).contains(&value) {
            lua.push_format(format_args!("expected integer between {min} and {max}"));
            lua.arg_error_on_top(1);
        }
        set(lua, field, value);
    }
    let mut now = settings(lua);
    lua.push_number(f64::from(*field(&mut now)));
}

/// Sets a choice from argument `n` unless that is nil, and pushes what is set: the first two choices are the booleans.
fn choice_option<const N: usize>(
    lua: Lua<'_>,
    n: c_int,
    field: fn(&mut Settings) -> &mut c_int,
    choices: &[&CStr; N],
) {
    match lua.type_at(n) {
        Type::Nil => {}
        Type::Boolean => set(lua, field, c_int::from(lua.to_boolean(n))),
        _ => set(lua, field, lua.check_option(n, None, choices) as c_int),
    }
    let mut now = settings(lua);
    match *field(&mut now) {
        0 => lua.push_boolean(false),
        1 => lua.push_boolean(true),
        other => lua.push_bytes(choices.get(other as usize).map_or(b"", |it| it.to_bytes())),
    }
}

/// The choices of a switch.
const SWITCH: &[&CStr; 2] = &[c"off", c"on"];

host_call! {
    fn encode_sparse_array(lua) {
        at_most(lua, 3);
        choice_option(lua, 1, |it| &mut it.encode_sparse_convert, SWITCH);
        integer_option(lua, 2, |it| &mut it.encode_sparse_ratio, 0, c_int::MAX);
        integer_option(lua, 3, |it| &mut it.encode_sparse_safe, 0, c_int::MAX);
        3
    }
}

host_call! {
    fn encode_max_depth(lua) {
        at_most(lua, 1);
        integer_option(lua, 1, |it| &mut it.encode_max_depth, 1, c_int::MAX);
        1
    }
}

host_call! {
    fn decode_max_depth(lua) {
        at_most(lua, 1);
        integer_option(lua, 1, |it| &mut it.decode_max_depth, 1, c_int::MAX);
        1
    }
}

host_call! {
    fn encode_number_precision(lua) {
        at_most(lua, 1);
        integer_option(lua, 1, |it| &mut it.encode_number_precision, 1, 17);
        1
    }
}

host_call! {
    fn encode_invalid_numbers(lua) {
        at_most(lua, 1);
        choice_option(lua, 1, |it| &mut it.encode_invalid_numbers, &[c"off", c"on", c"null"]);
        1
    }
}

host_call! {
    fn decode_invalid_numbers(lua) {
        at_most(lua, 1);
        choice_option(lua, 1, |it| &mut it.decode_invalid_numbers, SWITCH);
        1
    }
}

host_call! {
    fn decode_null(lua) {
        at_most(lua, 1);
        choice_option(lua, 1, |it| &mut it.decode_null, SWITCH);
        1
    }
}
