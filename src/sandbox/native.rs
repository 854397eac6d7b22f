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

use super::native_abi::call_with_buffer;
use crate::vm::{HostFn, Lua};

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
