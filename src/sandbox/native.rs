//! How native modules' userdata take part in payloads, messages and preservation.
//!
//! Production finds three functions in a userdata's environment table and calls them as C function pointers
//! (`lua_sandbox` `src/luasandbox_output.c`, `luasandbox_serialize.c`). The names and the stack protocol are kept, so
//! that a module of ours and a module of production's are used in the same way:
//!
//! * `lsb_output`: userdata at -2, buffer at -1; appends to the output buffer; 0 on success.
//! * `lsb_serialize`: userdata at -3, key (the variable's name in the state file) at -2, buffer at -1; 0 on success.
//! * `lsb_zero_copy`: userdata at -1; pushes pairs of light userdata and length, or strings.

#![allow(unsafe_code)]

use std::ffi::{CStr, c_int};

use super::{
    api::{read_config::CONFIG_TABLE, read_message::field_name},
    host::host,
    native_abi::call_with_buffer,
};
use crate::{
    message::Value,
    vm::{HostFn, Lua, REGISTRY, lua::until_nul},
};

const OUTPUT: &CStr = c"lsb_output";
const SERIALIZE: &CStr = c"lsb_serialize";
const ZERO_COPY: &CStr = c"lsb_zero_copy";

/// The functions of one kind of userdata.
#[derive(Clone, Copy, Default)]
pub struct UserdataFns {
    /// Appends the object to the output buffer.
    pub output: Option<HostFn>,
    /// Appends the object to the state file.
    pub serialize: Option<HostFn>,
    /// Tells where the object's bytes are.
    pub zero_copy: Option<HostFn>,
}

/// Adds the functions to the environment table on top of the stack.
pub fn add_functions(lua: Lua<'_>, functions: UserdataFns) {
    for (name, function) in
        [(OUTPUT, functions.output), (SERIALIZE, functions.serialize), (ZERO_COPY, functions.zero_copy)]
    {
        if let Some(function) = function {
            lua.push_bytes(name.to_bytes());
            lua.push_fn(function);
            lua.raw_set(-3);
        }
    }
}

fn find(lua: Lua<'_>, index: c_int, name: &CStr) -> Option<HostFn> {
    lua.get_environment(index);
    lua.push_bytes(name.to_bytes());
    lua.raw_get(-2);
    let res = lua.to_host_fn(-1);
    lua.pop(2);
    res
}

/// The userdata's output function.
pub fn output_function(lua: Lua<'_>, index: c_int) -> Option<HostFn> {
    find(lua, index, OUTPUT)
}

/// The userdata's serialisation function.
pub fn serialize_function(lua: Lua<'_>, index: c_int) -> Option<HostFn> {
    find(lua, index, SERIALIZE)
}

/// The userdata's zero-copy function.
pub fn zero_copy_function(lua: Lua<'_>, index: c_int) -> Option<HostFn> {
    find(lua, index, ZERO_COPY)
}

/// Appends the userdata at `index` to the output buffer; whether it fitted.
pub fn call_output(lua: Lua<'_>, function: HostFn, index: c_int) -> bool {
    lua.push_value(index);
    let failed = call_with_buffer(lua, function) != 0;
    lua.pop(1);
    !failed
}

/// The variable's name that a serialisation function was given, as it stands in the state file.
pub fn serialize_key(lua: Lua<'_>) -> &[u8] {
    let key: *const std::ffi::c_char = lua.to_userdata(-2).cast_const().cast();
    if key.is_null() {
        return b"";
    }
    // SAFETY: the protocol above: the caller of a serialisation function passes a C string that outlives the call.
    unsafe { CStr::from_ptr(key).to_bytes() }
}

/// Pushes a setting of the sandbox, or nil.
pub fn push_config(lua: Lua<'_>, name: &CStr) {
    lua.get_field(REGISTRY, CONFIG_TABLE);
    lua.get_field(-1, name);
    lua.remove(-2);
}

/// Whether the running call is about a message.
pub fn has_message(lua: Lua<'_>) -> bool {
    host(lua).message().is_some()
}

/// A text within the message of the running call.
#[derive(Clone, Copy, Debug)]
pub struct MessageText<'l> {
    /// The text.
    pub bytes: &'l [u8],
    /// The byte behind it in the message, unless the message ends there.
    pub behind: Option<u8>,
}

/// `Payload` or an element of `Fields[...]` that is a string or bytes, where it stands in the message.
pub fn message_text<'l>(
    lua: Lua<'l>,
    name: &[u8],
    field_index: usize,
    array_index: usize,
) -> Option<MessageText<'l>> {
    let message = host(lua).message()?;
    let bytes = if until_nul(name) == b"Payload" {
        message.payload()?
    } else {
        match message.read(field_name(name)?, field_index, array_index)? {
            Value::String(bytes) => bytes,
            Value::Number(_) | Value::Bool(_) => return None,
        }
    };
    let start = (bytes.as_ptr() as usize).checked_sub(message.raw().as_ptr() as usize);
    let behind = start.and_then(|it| message.raw().get(it + bytes.len())).copied();
    Some(MessageText { bytes, behind })
}
