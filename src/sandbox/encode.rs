//! A Lua table becomes a message: `heka_encode_message_table` (`lua_sandbox` `src/heka/message.c:262-699`, `903-952`).
//!
//! Fixed header order, then fields. Errors that have words set the sandbox's error text; running out of room has none,
//! which is why a message that does not fit fails with an empty reason or with the words of an older failure.

use std::ffi::{CStr, c_int};

use super::{
    host::{host, of_context},
    native, native_abi,
    output::{Full, OutputBuffer},
    uuid,
};
use crate::vm::{Lua, Type, lua::until_nul};

/// The message could not be encoded; the reason, if it has words, is the sandbox's error text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failed;

impl From<Full> for Failed {
    fn from(_: Full) -> Failed {
        Failed
    }
}

const STRING: c_int = 0;
const BYTES: c_int = 1;
const INTEGER: c_int = 2;
const DOUBLE: c_int = 3;
const BOOL: c_int = 4;
/// No `value_type` given.
const UNSET: c_int = -1;

const TAG_VALUE_TYPE: u8 = 2;
const TAG_REPRESENTATION: u8 = 3;
const TAG_STRING: u8 = 4;
const TAG_BYTES: u8 = 5;
const TAG_INTEGER: u8 = 6;
const TAG_DOUBLE: u8 = 7;
const TAG_BOOL: u8 = 8;
const VARINT: u8 = 0;
const FIXED64: u8 = 1;
const LENGTH: u8 = 2;

#[inline]
fn out(lua: Lua<'_>) -> &mut OutputBuffer {
    &mut host(lua).state.output
}

/// Sets the error text.
fn fail(lua: Lua<'_>, text: std::fmt::Arguments<'_>) -> Failed {
    lua.push_format(text);
    let text = lua.to_bytes(-1).unwrap_or_default();
    host(lua).set_error(text);
    lua.pop(1);
    Failed
}

/// Encodes the table at `index` into the output buffer, which is emptied first. Header values are written into the
/// table as production does. The stack is not cleaned after a failure: the caller raises.
pub fn encode_message(lua: Lua<'_>, index: c_int) -> Result<(), Failed> {
    out(lua).clear();
    let timestamp;
    if host(lua).restricted_headers {
        write_uuid(lua, None)?;
        timestamp = lua.context().meter.now_ns;
        push_optional(lua, host(lua).name.as_deref());
        lua.set_field(index, c"Logger");
        lua.push_bytes(until_nul(&host(lua).hostname));
        lua.set_field(index, c"Hostname");
        lua.push_number(f64::from(host(lua).pid));
        lua.set_field(index, c"Pid");
    } else {
        lua.get_field(index, c"Uuid");
        let given = lua.to_bytes(-1);
        write_uuid(lua, given)?;
        lua.pop(1);
        lua.get_field(index, c"Timestamp");
        timestamp = if lua.is_number(-1) { to_i64(lua.to_number(-1)) } else { lua.context().meter.now_ns };
        lua.pop(1);
        set_missing_headers(lua, index);
    }
    out(lua).key(2, VARINT)?;
    out(lua).varint(timestamp as u64)?;
    write_string(lua, 3, c"Type", index)?;
    write_string(lua, 4, c"Logger", index)?;
    write_integer(lua, 5, c"Severity", index)?;
    write_string(lua, 6, c"Payload", index)?;
    write_string(lua, 7, c"EnvVersion", index)?;
    write_integer(lua, 8, c"Pid", index)?;
    write_string(lua, 9, c"Hostname", index)?;
    write_fields(lua, index)?;
    out(lua).reserve(1)?;
    Ok(())
}

fn push_optional(lua: Lua<'_>, text: Option<&[u8]>) {
    match text {
        Some(text) => lua.push_bytes(until_nul(text)),
        None => lua.push_nil(),
    }
}

fn write_uuid(lua: Lua<'_>, text: Option<&[u8]>) -> Result<(), Failed> {
    lua.work(|context| {
        let state = &mut of_context(context).state;
        let output = &mut state.output;
        output.reserve(18)?;
        output.key(1, LENGTH)?;
        output.raw(&[16])?;
        let uuid = text.and_then(uuid::given).unwrap_or_else(|| state.uuids.next_uuid());
        output.raw(&uuid)?;
        Ok(())
    })
}

fn set_missing_headers(lua: Lua<'_>, index: c_int) {
    let is_nil = |name: &CStr| {
        lua.get_field(index, name);
        let res = lua.type_at(-1) == Type::Nil;
        lua.pop(1);
        res
    };
    if is_nil(c"Logger") && host(lua).name.is_some() {
        push_optional(lua, host(lua).name.as_deref());
        lua.set_field(index, c"Logger");
    }
    if is_nil(c"Hostname") {
        lua.push_bytes(until_nul(&host(lua).hostname));
        lua.set_field(index, c"Hostname");
    }
    if is_nil(c"Pid") {
        lua.push_number(f64::from(host(lua).pid));
        lua.set_field(index, c"Pid");
    }
}

/// Double to signed 64 bits as x86-64 converts: out of range and NaN give the smallest integer.
pub(super) fn to_i64(number: f64) -> i64 {
    if (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&number) {
        number as i64
    } else {
        i64::MIN
    }
}

/// Double to unsigned 64 bits as gcc does it on x86-64: below 2^63 as a signed conversion, from there by subtracting
/// 2^63 first, so that -1 has all bits set and 2^64 is zero.
fn to_u64(number: f64) -> u64 {
    const TWO_63: f64 = 9_223_372_036_854_775_808.0;
    if number < TWO_63 || number.is_nan() {
        to_i64(number) as u64
    } else {
        to_i64(number - TWO_63) as u64 ^ (1 << 63)
    }
}

/// A header that is a string or number is written as text, others are left out.
fn write_string(lua: Lua<'_>, tag: u8, name: &CStr, index: c_int) -> Result<(), Failed> {
    lua.get_field(index, name);
    if lua.is_string(-1) {
        let text = lua.to_bytes(-1).unwrap_or_default();
        out(lua).string(tag, text)?;
    }
    lua.pop(1);
    Ok(())
}

fn write_integer(lua: Lua<'_>, tag: u8, name: &CStr, index: c_int) -> Result<(), Failed> {
    lua.get_field(index, name);
    if lua.is_number(-1) {
        let number = to_u64(lua.to_number(-1));
        out(lua).key(tag, VARINT)?;
        out(lua).varint(number)?;
    }
    lua.pop(1);
    Ok(())
}

fn write_fields(lua: Lua<'_>, index: c_int) -> Result<(), Failed> {
    lua.get_field(index, c"Fields");
    if lua.type_at(-1) != Type::Table {
        return Ok(());
    }
    lua.raw_get_i(-1, 1);
    if lua.type_at(-1) == Type::Table {
        write_field_array(lua)?;
    } else {
        lua.pop(1);
        write_field_hash(lua)?;
    }
    lua.pop(1);
    Ok(())
}

/// `Fields = {{name=, value=...}, ...}`; the first is on top.
fn write_field_array(lua: Lua<'_>) -> Result<(), Failed> {
    let mut i = 1;
    loop {
        let start = start_field(lua)?;
        // Production indexes whatever stands there; a string has fields only through its metatable.
        lua.get_field(-1, c"name");
        write_field_name(lua, -1)?;
        lua.pop(1);
        write_object(lua)?;
        out(lua).update_length(start)?;
        lua.pop(1);
        i += 1;
        lua.raw_get_i(-1, i);
        if lua.type_at(-1) == Type::Nil {
            return Ok(());
        }
    }
}

/// `Fields = {name = value, ...}` in `next` order.
fn write_field_hash(lua: Lua<'_>) -> Result<(), Failed> {
    lua.check_stack(2, c"fields");
    lua.push_nil();
    while lua.next(-2) {
        let start = start_field(lua)?;
        // A number key becomes a string in place here, and the next step fails: `invalid key to 'next'`.
        write_field_name(lua, -2)?;
        write_value(lua, 1, None, UNSET)?;
        out(lua).update_length(start)?;
        lua.pop(1);
    }
    Ok(())
}

fn start_field(lua: Lua<'_>) -> Result<usize, Failed> {
    out(lua).key(10, LENGTH)?;
    let start = out(lua).len();
    out(lua).varint(0)?;
    Ok(start)
}

fn write_field_name(lua: Lua<'_>, index: c_int) -> Result<(), Failed> {
    if !lua.is_string(index) {
        return Err(fail(lua, format_args!("field name must be a string")));
    }
    let name = lua.to_bytes(index).unwrap_or_default();
    out(lua).string(1, name)?;
    Ok(())
}

/// A table with `value`, `value_type` and `representation`, on top.
fn write_object(lua: Lua<'_>) -> Result<(), Failed> {
    lua.check_stack(8, c"too many nested field values");
    lua.get_field(-1, c"representation");
    let representation = if lua.is_string(-1) { lua.to_c_bytes(-1) } else { None };
    lua.get_field(-2, c"value_type");
    let value_type = if lua.is_number(-1) { lua.to_integer(-1) as c_int } else { UNSET };
    lua.get_field(-3, c"value");
    write_value(lua, 1, representation, value_type)?;
    lua.pop(3);
    Ok(())
}

/// What stands in front of a field's first value.
fn write_value_head(lua: Lua<'_>, value_type: c_int, representation: Option<&[u8]>) -> Result<(), Failed> {
    if value_type != STRING {
        out(lua).key(TAG_VALUE_TYPE, VARINT)?;
        out(lua).varint(value_type as u64)?;
    }
    if let Some(representation) = representation {
        out(lua).string(TAG_REPRESENTATION, representation)?;
    }
    Ok(())
}

/// Writes the value on top. `count` is the number of elements where this is the first of a field, 0 for later ones.
fn write_value(
    lua: Lua<'_>,
    count: usize,
    representation: Option<&[u8]>,
    value_type: c_int,
) -> Result<(), Failed> {
    match lua.type_at(-1) {
        Type::String => {
            let value_type = match value_type {
                UNSET | STRING => STRING,
                BYTES => BYTES,
                other => return Err(fail(lua, format_args!("invalid string value_type: {other}"))),
            };
            if count > 0 {
                write_value_head(lua, value_type, representation)?;
            }
            let text = lua.to_bytes(-1).unwrap_or_default();
            out(lua).string(if value_type == BYTES { TAG_BYTES } else { TAG_STRING }, text)?;
        }
        Type::Number => {
            let value_type = match value_type {
                UNSET | DOUBLE => DOUBLE,
                INTEGER => INTEGER,
                other => return Err(fail(lua, format_args!("invalid numeric value_type: {other}"))),
            };
            if count > 0 {
                write_value_head(lua, value_type, representation)?;
                match (count, value_type) {
                    (1, INTEGER) => out(lua).key(TAG_INTEGER, VARINT)?,
                    (1, _) => out(lua).key(TAG_DOUBLE, FIXED64)?,
                    (_, INTEGER) => {
                        out(lua).key(TAG_INTEGER, LENGTH)?;
                        // Filled in once the elements are written.
                        out(lua).varint(0)?;
                    }
                    (count, _) => {
                        out(lua).key(TAG_DOUBLE, LENGTH)?;
                        out(lua).varint((count * 8) as u64)?;
                    }
                }
            }
            if value_type == INTEGER {
                out(lua).varint(to_i64(lua.to_number(-1)) as u64)?;
            } else {
                out(lua).double(lua.to_number(-1))?;
            }
        }
        Type::Boolean => {
            if !matches!(value_type, UNSET | BOOL) {
                return Err(fail(lua, format_args!("invalid boolean value_type: {value_type}")));
            }
            if count > 0 {
                write_value_head(lua, BOOL, representation)?;
                if count == 1 {
                    out(lua).key(TAG_BOOL, VARINT)?;
                } else {
                    out(lua).key(TAG_BOOL, LENGTH)?;
                    out(lua).varint(count as u64)?;
                }
            }
            out(lua).bool(lua.to_boolean(-1))?;
        }
        Type::Table => {
            lua.check_stack(8, c"too many nested field values");
            lua.raw_get_i(-1, 1);
            match lua.type_at(-1) {
                Type::Nil => {
                    lua.pop(1);
                    write_object(lua)?;
                }
                Type::Number | Type::String | Type::Boolean => {
                    write_array(lua, lua.type_at(-1), representation, value_type)?;
                }
                other => {
                    lua.pop(1);
                    return Err(fail(lua, format_args!("unsupported array type: {}", other.name())));
                }
            }
        }
        Type::LightUserdata => {
            lua.get_field(-4, c"userdata");
            if lua.type_at(-1) != Type::Userdata {
                return Err(fail(
                    lua,
                    format_args!("a lightuserdata output must also specify a userdata value"),
                ));
            }
            write_userdata(lua, count, representation)?;
            lua.pop(1);
        }
        Type::Userdata => write_userdata(lua, count, representation)?,
        other => return Err(fail(lua, format_args!("unsupported type: {}", other.name()))),
    }
    Ok(())
}

/// An array; its first element is on top, the table below it.
fn write_array(
    lua: Lua<'_>,
    element: Type,
    representation: Option<&[u8]>,
    value_type: c_int,
) -> Result<(), Failed> {
    let len = lua.raw_len(-2) as c_int;
    write_value(lua, len.max(0) as usize, representation, value_type)?;
    let behind_first = out(lua).len();
    lua.pop(1);
    for i in 2..=len {
        lua.raw_get_i(-1, i);
        if lua.type_at(-1) != element {
            return Err(fail(lua, format_args!("array has mixed types")));
        }
        write_value(lua, 0, representation, value_type)?;
        lua.pop(1);
    }
    if len > 1 && value_type == INTEGER {
        // Production looks for the length byte backwards from the first element, over at most ten bytes: it is the
        // nearest zero, which for a first element with a zero byte in front of its last is not the length.
        let output = out(lua);
        let Some(at) = (0..10).map(|back| behind_first - 2 - back).find(|&at| output.as_bytes()[at] == 0)
        else {
            return Err(fail(lua, format_args!("unable set the length of the packed integer array")));
        };
        output.update_length(at)?;
    }
    Ok(())
}

/// The userdata on top, as bytes of its own making.
fn write_userdata(lua: Lua<'_>, count: usize, representation: Option<&[u8]>) -> Result<(), Failed> {
    let Some(function) = native::output_function(lua, -1) else {
        return Err(fail(lua, format_args!("userdata object does not implement lsb_output")));
    };
    if count > 0 {
        write_value_head(lua, BYTES, representation)?;
    }
    out(lua).key(TAG_BYTES, LENGTH)?;
    let start = out(lua).len();
    out(lua).varint(0)?;
    let result = native_abi::call_with_buffer(lua, function);
    if result != 0 {
        return Err(fail(lua, format_args!("userdata output callback failed: {result}")));
    }
    out(lua).update_length(start)?;
    Ok(())
}
