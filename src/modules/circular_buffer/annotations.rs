//! Annotations: texts on a column's row, for the graph that a buffer becomes.
//!
//! They are Lua tables which scripts can reach, and production's shape is kept: `circular_buffer[n][second][column]` is
//! `{type=, annotation=, delta=}`, with `n` a reference the buffer holds. What scripts do to them shows in the output.

use std::{
    ffi::{CStr, c_int},
    io::Write as _,
};

use super::block::{Block, NO_ANNOTATIONS};
use crate::{
    sandbox::{host::host, output::Full},
    vm::{GLOBALS, Lua, Type, cformat, lua::until_nul},
};

/// The global table that holds the annotations: the module.
pub const MODULE_TABLE: &CStr = c"circular_buffer";
/// What an annotation can be.
pub const TYPES: [&CStr; 2] = [c"info", c"alert"];

/// What annotations are written for.
#[derive(Clone, Copy)]
pub enum Target<'a> {
    /// All of them, as JSON.
    Whole,
    /// Those with the delta mark, which is taken off, as JSON.
    Deltas,
    /// All of them, as Lua source; the text is the buffer's path.
    State(&'a [u8]),
}

/// One annotation as `annotate` has it.
#[derive(Clone, Copy)]
pub struct Annotation<'l> {
    /// Start of the row in seconds, as C's `int`.
    pub time: c_int,
    /// From 1.
    pub column: c_int,
    /// Of [`TYPES`].
    pub kind: &'static CStr,
    /// Not yet escaped.
    pub text: &'l [u8],
    /// Whether it has not been written with the deltas.
    pub is_delta: bool,
}

/// Pushes the module's table.
fn push_module_table(lua: Lua<'_>) {
    lua.get_field(GLOBALS, MODULE_TABLE);
    if lua.type_at(-1) != Type::Table {
        lua.raise(format_args!("Could not find table circular_buffer"));
    }
}

/// Sets an annotation, overwriting the one on the same row and column.
pub fn set(lua: Lua<'_>, block: Block<'_>, annotation: Annotation<'_>) {
    push_module_table(lua);
    if block.annotations() == NO_ANNOTATIONS {
        lua.new_table(0, 0);
        block.set_annotations(lua.reference(-2));
    }
    lua.raw_get_i(-1, block.annotations());
    if lua.type_at(-1) != Type::Table {
        lua.raise(format_args!("Could not find the annotation ref table"));
    }
    push_table_at(lua, annotation.time);
    push_table_at(lua, annotation.column);
    lua.push_bytes(annotation.kind.to_bytes());
    lua.set_field(-2, c"type");
    push_escaped(lua, annotation.text);
    lua.set_field(-2, c"annotation");
    if annotation.is_delta {
        lua.push_boolean(true);
        lua.set_field(-2, c"delta");
    }
    lua.pop(4);
}

/// Pushes the table at `n` of the table on top, making one in place of anything else.
fn push_table_at(lua: Lua<'_>, n: c_int) {
    lua.raw_get_i(-1, n);
    if lua.type_at(-1) != Type::Table {
        lua.pop(1);
        lua.new_table(0, 0);
        lua.push_value(-1);
        lua.raw_set_i(-3, n);
    }
}

/// Pushes the text as it stands inside a JSON string; bytes beyond printable ASCII become spaces.
fn push_escaped(lua: Lua<'_>, text: &[u8]) {
    let mut buffer = lua.buffer();
    for byte in text {
        match byte {
            b'\\' | b'"' | b'/' => buffer.add(&[b'\\', *byte]),
            b'\x08' => buffer.add(b"\\b"),
            b'\t' => buffer.add(b"\\t"),
            b'\n' => buffer.add(b"\\n"),
            b'\x0c' => buffer.add(b"\\f"),
            b'\r' => buffer.add(b"\\r"),
            b' '..=b'~' => buffer.add(&[*byte]),
            _ => buffer.add(b" "),
        }
    }
    buffer.push();
}

/// Appends the buffer's annotations to the output buffer. Those older than the window are removed on the way.
pub fn write(lua: Lua<'_>, block: Block<'_>, target: Target<'_>) -> Result<(), Full> {
    if block.annotations() == NO_ANNOTATIONS {
        return Ok(());
    }
    // The sandbox calls this in a frame that is in use already.
    lua.check_stack(10, c"annotations");
    let top = lua.top();
    push_module_table(lua);
    lua.raw_get_i(-1, block.annotations());
    let is_table = lua.type_at(-1) == Type::Table;
    let res = if is_table { write_rows(lua, block, target) } else { Ok(()) };
    lua.set_top(top);
    res
}

/// Writes the annotations in the table on top.
fn write_rows(lua: Lua<'_>, block: Block<'_>, target: Target<'_>) -> Result<(), Full> {
    let start = block.start_time();
    let mut is_first = true;
    lua.push_nil();
    while lua.next(-2) {
        if lua.type_at(-1) != Type::Table {
            lua.raise(format_args!("Invalid annotation table value"));
        }
        if !lua.is_number(-2) {
            lua.raise(format_args!("Invalid annotation table key"));
        }
        let time = lua.to_integer(-2);
        if time < start {
            lua.pop(1);
            lua.push_value(-1);
            lua.push_nil();
            lua.raw_set(-4);
            continue;
        }
        for column in 1..=block.column_count() {
            lua.raw_get_i(-1, column as c_int);
            if lua.type_at(-1) == Type::Table {
                write_one(lua, time, column, target, &mut is_first)?;
            }
            lua.pop(1);
        }
        lua.pop(1);
    }
    Ok(())
}

/// Writes the annotation on top, if it is for `target`.
fn write_one(
    lua: Lua<'_>,
    time: i64,
    column: u32,
    target: Target<'_>,
    is_first: &mut bool,
) -> Result<(), Full> {
    lua.get_field(-1, c"delta");
    let is_delta = lua.to_boolean(-1);
    lua.pop(1);
    if matches!(target, Target::Deltas) {
        if !is_delta {
            return Ok(());
        }
        lua.push_nil();
        lua.set_field(-2, c"delta");
    }
    lua.get_field(-1, c"annotation");
    let text = lua.to_c_bytes(-1);
    lua.get_field(-2, c"type");
    let kind = lua.to_bytes(-1);
    let (Some(text), Some(kind @ [initial, ..])) = (text, kind) else {
        lua.raise(format_args!("malformend annotation table"));
    };
    let output = &mut host(lua).state.output;
    if let Target::State(key) = target {
        output.formatted(|out| {
            out.extend_from_slice(key);
            out.extend_from_slice(b":annotate(");
            out.extend_from_slice(&cformat::g6(time as f64 * 1e9));
            let _ = write!(out, ", {column}, \"");
            out.extend_from_slice(until_nul(kind));
            out.extend_from_slice(b"\", \"");
            out.extend_from_slice(text);
            let _ = writeln!(out, "\", {is_delta})");
        })?;
    } else {
        if !std::mem::take(is_first) {
            output.byte(b',')?;
        }
        output.formatted(|out| {
            let _ = write!(out, "{{\"x\":{},\"col\":{column},\"shortText\":\"", time.wrapping_mul(1000));
            out.push(*initial);
            out.extend_from_slice(b"\",\"text\":\"");
            out.extend_from_slice(text);
            out.extend_from_slice(b"\"}");
        })?;
    }
    lua.pop(2);
    Ok(())
}
