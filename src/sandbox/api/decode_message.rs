//! `decode_message(bytes)`: a message as a Lua table (`lua_sandbox` `src/heka/message.c:702-843`).
//!
//! This is not the decoder of the streams: it is stricter about values and wants a minimal Uuid length. Its loops for
//! packed values read on to the end of the *field*, not of the packed run, as production's do.
#![allow(unsafe_code)]

use crate::{
    message::read_varint,
    sandbox::native,
    vm::{Lua, Type, host_call},
};

/// The shortest thing that can hold a Uuid and a Timestamp.
const MINIMUM: usize = 20;

host_call! {
    /// Decodes a string, or what a zero-copy reference stands for.
    pub fn decode_message(lua) {
        let n = lua.top();
        if n != 1 {
            lua.arg_error(n, c"incorrect number of arguments");
        }
        let bytes = match lua.type_at(1) {
            Type::String => lua.to_bytes(1),
            Type::Userdata => referenced(lua),
            _ => lua.type_error(1, c"string or userdata"),
        };
        let Some(bytes) = bytes.filter(|it| it.len() >= MINIMUM) else {
            lua.raise(format_args!("invalid message, too short"))
        };
        decode(lua, bytes)
    }
}

fn referenced(lua: Lua<'_>) -> Option<&[u8]> {
    let Some(function) = native::zero_copy_function(lua, 1) else {
        lua.arg_error(1, c"no zero copy support")
    };
    let results = lua.call_in_frame(function);
    if results != 2 || lua.type_at(2) != Type::LightUserdata {
        lua.raise(format_args!("invalid zero copy return"));
    }
    let start = lua.to_userdata(2).cast::<u8>();
    let len = lua.to_integer(3) as usize;
    lua.pop(results);
    // SAFETY: a zero-copy function returns readable bytes that live as long as the running call.
    (!start.is_null()).then(|| unsafe { std::slice::from_raw_parts(start, len) })
}

/// Stack: 1 the argument, 2 the message, 3 its fields (from the first field on), then per field 4 and its values 5.
fn decode(lua: Lua<'_>, bytes: &[u8]) -> std::ffi::c_int {
    let (mut has_uuid, mut has_timestamp, mut fields) = (false, false, 0);
    let mut at = 0;
    lua.new_table(0, 0);
    while at < bytes.len() {
        let (tag, wire_type) = (bytes[at] >> 3, bytes[at] & 7);
        let behind_key = at + 1;
        let next = match tag {
            1 => {
                read_string(lua, bytes, behind_key, wire_type).filter(|next| next - at == 18).inspect(|_| {
                    lua.set_field(2, c"Uuid");
                    has_uuid = true;
                })
            }
            2 => read_number(lua, bytes, behind_key, wire_type).inspect(|_| {
                lua.set_field(2, c"Timestamp");
                has_timestamp = true;
            }),
            3 => read_string(lua, bytes, behind_key, wire_type).inspect(|_| lua.set_field(2, c"Type")),
            4 => read_string(lua, bytes, behind_key, wire_type).inspect(|_| lua.set_field(2, c"Logger")),
            5 => read_number(lua, bytes, behind_key, wire_type).inspect(|_| lua.set_field(2, c"Severity")),
            6 => read_string(lua, bytes, behind_key, wire_type).inspect(|_| lua.set_field(2, c"Payload")),
            7 => read_string(lua, bytes, behind_key, wire_type).inspect(|_| lua.set_field(2, c"EnvVersion")),
            8 => read_number(lua, bytes, behind_key, wire_type).inspect(|_| lua.set_field(2, c"Pid")),
            9 => read_string(lua, bytes, behind_key, wire_type).inspect(|_| lua.set_field(2, c"Hostname")),
            10 if wire_type == 2 => {
                if fields == 0 {
                    lua.new_table(0, 0);
                }
                read_field(lua, bytes, behind_key).inspect(|_| {
                    fields += 1;
                    lua.raw_set_i(3, fields);
                })
            }
            _ => None,
        };
        let Some(next) = next else {
            lua.raise(format_args!("error in tag: {tag} wiretype: {wire_type} offset: {at}"))
        };
        at = next;
    }
    if !has_uuid || !has_timestamp {
        let found = |it| if it { "found" } else { "not found" };
        lua.raise(format_args!(
            "missing required field uuid: {} timestamp: {}",
            found(has_uuid),
            found(has_timestamp)
        ));
    }
    if fields > 0 {
        lua.set_field(2, c"Fields");
    }
    1
}

/// Pushes the string whose length is at `at`; the offset behind it.
fn read_string(lua: Lua<'_>, bytes: &[u8], at: usize, wire_type: u8) -> Option<usize> {
    if wire_type != 2 {
        return None;
    }
    let (start, end) = read_length(bytes, at)?;
    lua.push_bytes(&bytes[start..end]);
    Some(end)
}

fn read_length(bytes: &[u8], at: usize) -> Option<(usize, usize)> {
    let (len, start) = read_varint(bytes, at)?;
    let len = usize::try_from(len).ok()?;
    (len <= bytes.len() - start).then(|| (start, start + len))
}

/// Pushes the varint at `at` as a number; the offset behind it.
fn read_number(lua: Lua<'_>, bytes: &[u8], at: usize, wire_type: u8) -> Option<usize> {
    if wire_type != 0 {
        return None;
    }
    let (value, next) = read_varint(bytes, at)?;
    lua.push_number(value as f64);
    Some(next)
}

/// Leaves the field's table on top; the offset behind what was read of the field.
///
/// Numbers are read from the whole message: production bounds a varint by the position plus a length, not by the
/// field's end, so a malformed last number takes its bytes from whatever follows the field.
fn read_field(lua: Lua<'_>, all: &[u8], at: usize) -> Option<usize> {
    let (mut at, end) = read_length(all, at)?;
    let bytes = &all[..end];
    let (mut len, mut has_name, mut values) = (end - at, false, 0);
    lua.new_table(0, 0);
    lua.new_table(0, 0);
    // An empty field makes production read the byte behind it as a key; whatever it is, the field has no name.
    while at < end {
        let (tag, wire_type) = (bytes[at] >> 3, bytes[at] & 7);
        at += 1;
        let mut push = |lua: Lua<'_>| {
            values += 1;
            lua.raw_set_i(5, values);
        };
        at = match (tag, wire_type) {
            (1, _) => read_string(lua, bytes, at, wire_type).inspect(|_| {
                lua.set_field(4, c"name");
                has_name = true;
            }),
            (2, _) => read_number(lua, bytes, at, wire_type).inspect(|_| lua.set_field(4, c"value_type")),
            (3, _) => read_string(lua, bytes, at, wire_type).inspect(|_| lua.set_field(4, c"representation")),
            (4 | 5, _) => read_string(lua, bytes, at, wire_type).inspect(|_| push(lua)),
            (6 | 8, 0) => read_varint_value(lua, all, at, len, tag, &mut push),
            (6 | 8, 2) => {
                let (start, packed_end) = read_length(bytes, at)?;
                len = packed_end - start;
                read_run(start, end, |at| read_varint_value(lua, all, at, len, tag, &mut push))
            }
            (7, 1) if at + 8 <= end => read_double_value(lua, all, at, &mut push),
            (7, 2) => {
                let (start, packed_end) = read_length(bytes, at)?;
                len = packed_end - start;
                if len % 8 == 0 {
                    read_run(start, end, |at| read_double_value(lua, all, at, &mut push))
                } else {
                    None
                }
            }
            _ => None,
        }?;
    }
    lua.set_field(4, c"value");
    has_name.then_some(at)
}

/// Reads elements until the end of the field: at least one, even from an empty run.
fn read_run(mut at: usize, end: usize, mut read: impl FnMut(usize) -> Option<usize>) -> Option<usize> {
    loop {
        at = read(at)?;
        if at >= end {
            return Some(at);
        }
    }
}

/// An integer or a bool of at most `len` bytes.
fn read_varint_value(
    lua: Lua<'_>,
    all: &[u8],
    at: usize,
    len: usize,
    tag: u8,
    push: &mut impl FnMut(Lua<'_>),
) -> Option<usize> {
    let bound = all.len().min(at + len);
    let (value, next) = read_varint(&all[..bound], at)?;
    if tag == 8 {
        lua.push_boolean(value as i32 != 0);
    } else {
        lua.push_number(value as f64);
    }
    push(lua);
    Some(next)
}

fn read_double_value(lua: Lua<'_>, all: &[u8], at: usize, push: &mut impl FnMut(Lua<'_>)) -> Option<usize> {
    let value = all.get(at..at + 8)?;
    lua.push_number(f64::from_le_bytes(value.try_into().unwrap_or_default()));
    push(lua);
    Some(at + 8)
}
