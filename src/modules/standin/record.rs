//! What a stand-in was given, on its way to whoever listens.
//!
//! The bytes come from strings, from zero-copy userdata, from tables (written as text) or from the message of the
//! running call. They are put together in the host's scratch memory, because a frame must not own any.
#![allow(unsafe_code)]

use std::{
    ffi::{CStr, c_int},
    slice,
};

use crate::{
    event::Sent,
    modules::embedded::EMBEDDED_CHUNK,
    sandbox::{
        host::{host, of_context, push_scratch},
        native,
    },
    vm::{Lua, Place, Type, cformat},
};

/// Tables are written this deep; what is deeper is `...`.
const MAX_DEPTH: u32 = 32;

/// One parameter: its name and where its text is on the stack.
pub type Parameter = (&'static str, c_int);

/// The most parameters a call has.
const MAX_PARAMETERS: usize = 12;

/// Says that the running function of `module` was given the bytes in the scratch memory. `destination` and the
/// parameters are strings at those places of the stack; 0 is an empty destination.
pub fn send_scratch(
    lua: Lua<'_>,
    module: &'static str,
    action: &'static str,
    destination: c_int,
    parameters: &[Parameter],
) {
    let place = script_place(lua);
    let destination = if destination == 0 { b"" } else { lua.to_bytes(destination).unwrap_or_default() };
    let mut values: [(&str, &[u8]); MAX_PARAMETERS] = [("", b""); MAX_PARAMETERS];
    let parameters = &parameters[..parameters.len().min(MAX_PARAMETERS)];
    for (value, &(name, index)) in values.iter_mut().zip(parameters) {
        *value = (name, lua.to_bytes(index).unwrap_or_default());
    }
    let parameters = &values[..parameters.len()];
    lua.work(|context| {
        let host = of_context(context);
        let bytes = std::mem::take(&mut host.scratch);
        host.tell(|sink| sink.sent(Sent { module, action, destination, parameters, bytes: &bytes }, place));
        host.scratch = bytes;
        host.scratch.clear();
    });
}

/// The line of the script that called, past modules of ours that are written in Lua.
fn script_place(lua: Lua<'_>) -> Place {
    let mut level = 1;
    loop {
        match lua.level(level) {
            Some(place) if place.line > 0 && !place.chunk().starts_with(EMBEDDED_CHUNK) => return place,
            Some(_) => level += 1,
            None => return lua.place(1),
        }
    }
}

/// Empties the scratch memory.
pub fn start(lua: Lua<'_>) {
    host(lua).scratch.clear();
}

/// Appends to the scratch memory.
pub fn add(lua: Lua<'_>, bytes: &[u8]) {
    lua.work(|context| of_context(context).scratch.extend_from_slice(bytes));
}

/// Appends the message of the running call as it is encoded; whether there is one.
pub fn add_message(lua: Lua<'_>) -> bool {
    lua.work(|context| {
        let host = of_context(context);
        let mut bytes = std::mem::take(&mut host.scratch);
        let message = host.message();
        if let Some(message) = message {
            bytes.extend_from_slice(message.raw());
        }
        let is_there = message.is_some();
        host.scratch = bytes;
        is_there
    })
}

/// Appends the bytes a zero-copy userdata at `index` stands for, or raises production's words.
pub fn add_zero_copy(lua: Lua<'_>, index: c_int) {
    let Some(function) = native::zero_copy_function(lua, index) else {
        lua.arg_error(index, c"no zero copy support")
    };
    let top = lua.top();
    lua.push_value(index);
    let results = lua.call_in_frame(function);
    let start = lua.top() - results + 1;
    let mut at = start;
    while at < start + results {
        match lua.type_at(at) {
            Type::String => add(lua, lua.to_bytes(at).unwrap_or_default()),
            Type::LightUserdata => {
                let place = lua.to_userdata(at).cast_const().cast::<u8>();
                at += 1;
                let len = usize::try_from(lua.to_integer(at)).unwrap_or(0);
                if !place.is_null() && len > 0 {
                    // SAFETY: the protocol of zero-copy functions: the address of that many bytes, which live as
                    // long as the call.
                    add(lua, unsafe { slice::from_raw_parts(place, len) });
                }
            }
            _ => lua.raise(format_args!("invalid zero copy return")),
        }
        at += 1;
    }
    lua.set_top(top);
}

/// Appends the value at `index` as text: strings as they are, tables as JSON in the table's own order.
pub fn add_value(lua: Lua<'_>, index: c_int) {
    if lua.type_at(index) == Type::String {
        add(lua, lua.to_bytes(index).unwrap_or_default());
    } else {
        add_json(lua, index, 0);
    }
}

/// Replaces nothing: pushes the value at `index` as [`add_value`] writes it.
pub fn push_text(lua: Lua<'_>, index: c_int) {
    if lua.type_at(index) == Type::String {
        lua.push_value(index);
        return;
    }
    start(lua);
    add_json(lua, index, 0);
    push_scratch(lua);
}

fn add_json(lua: Lua<'_>, index: c_int, depth: u32) {
    charge(lua);
    match lua.type_at(index) {
        Type::Nil | Type::None => add(lua, b"null"),
        Type::Boolean => add(lua, if lua.to_boolean(index) { b"true" } else { b"false" }),
        Type::Number => {
            let number = lua.to_number(index);
            lua.work(|context| cformat::payload_number(number, &mut of_context(context).scratch));
        }
        Type::String => add_json_string(lua, lua.to_bytes(index).unwrap_or_default()),
        Type::Table if depth < MAX_DEPTH => add_json_table(lua, index, depth),
        other => {
            add(lua, b"\"...");
            add(lua, other.name().as_bytes());
            add(lua, b"\"");
        }
    }
}

fn add_json_table(lua: Lua<'_>, index: c_int, depth: u32) {
    lua.check_stack(4, c"a table that is recorded");
    let len = lua.raw_len(index);
    if len > 0 {
        for i in 1..=len {
            add(lua, if i == 1 { b"[" } else { b"," });
            lua.raw_get_i(index, i as c_int);
            add_json(lua, lua.top(), depth + 1);
            lua.pop(1);
        }
        add(lua, b"]");
        return;
    }
    let mut separator: &[u8] = b"{";
    lua.push_nil();
    while lua.next(index) {
        let value = lua.top();
        add(lua, separator);
        separator = b",";
        match lua.type_at(value - 1) {
            Type::String => add_json_string(lua, lua.to_bytes(value - 1).unwrap_or_default()),
            Type::Number => {
                // A copy is converted: `next` needs the key as it is.
                lua.push_value(value - 1);
                add_json_string(lua, lua.to_bytes(-1).unwrap_or_default());
                lua.pop(1);
            }
            other => add_json_string(lua, other.name().as_bytes()),
        }
        add(lua, b":");
        add_json(lua, value, depth + 1);
        lua.pop(1);
    }
    add(lua, if separator == b"{" { b"{}" } else { b"}" });
}

/// Bytes below the space are escaped, and so is what JSON needs; others stay as they are.
fn add_json_string(lua: Lua<'_>, text: &[u8]) {
    lua.work(|context| {
        use std::io::Write as _;

        let out = &mut of_context(context).scratch;
        out.push(b'"');
        for &byte in text {
            match byte {
                b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
                b'\n' => out.extend_from_slice(b"\\n"),
                0..0x20 => {
                    // Writing to a Vec cannot fail.
                    let _ = write!(out, "\\u{byte:04x}");
                }
                _ => out.push(byte),
            }
        }
        out.push(b'"');
    });
}

/// One step of work that Lua's hook does not count.
fn charge(lua: Lua<'_>) {
    let meter = &mut lua.context().meter;
    match meter.steps_left.checked_sub(1) {
        Some(left) => meter.steps_left = left,
        None => {
            meter.set_doom(crate::vm::Doom::Steps);
            lua.doom();
        }
    }
}

/// Raises what is said where an answer would be needed.
#[cold]
pub fn raise_no_answer(lua: Lua<'_>, module: &str, function: &str) -> ! {
    lua.raise(format_args!("{}", NoAnswer { module, function }))
}

/// Pushes what is said where an answer would be needed.
pub fn push_no_answer(lua: Lua<'_>, module: &str, function: &str) {
    lua.push_format(format_args!("{}", NoAnswer { module, function }));
}

/// The text for a function that would have to answer.
struct NoAnswer<'a> {
    module: &'a str,
    function: &'a str,
}

impl std::fmt::Display for NoAnswer<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let NoAnswer { module, function } = self;
        write!(f, "{module} {function}(): cepshim has a stand-in for {module}, which cannot answer offline")
    }
}

/// The field of an object's environment that holds its destination.
pub const DESTINATION: &CStr = c"destination";

/// Pushes the destination of the object at `index`, a string.
pub fn push_destination(lua: Lua<'_>, index: c_int) {
    lua.get_environment(index);
    lua.get_field(-1, DESTINATION);
    lua.remove(-2);
    if lua.type_at(-1) != Type::String {
        lua.pop(1);
        lua.push_bytes(b"");
    }
}
