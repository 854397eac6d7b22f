//! `add_to_payload(...)`: production's `output` under its analysis name (`lua_sandbox` `src/luasandbox_output.c`).

use std::ffi::c_int;

use crate::{
    sandbox::{host::host, native},
    vm::{Lua, Type, host_call},
};

host_call! {
    /// Appends its arguments to the payload.
    pub fn add_to_payload(lua) {
        let n = lua.top();
        if n == 0 {
            lua.arg_error(0, c"must have at least one argument");
        }
        append(lua, 1, n);
        0
    }
}

/// Appends the values from `start` to `end` to the output buffer, or raises.
pub fn append(lua: Lua<'_>, start: c_int, end: c_int) {
    let mut is_full = false;
    for index in start..=end {
        is_full = match lua.type_at(index) {
            Type::Number => host(lua).state.output.number(lua.to_number(index)).is_err(),
            Type::String => {
                let bytes = lua.to_bytes(index).unwrap_or_default();
                host(lua).state.output.text(bytes).is_err()
            }
            Type::Nil => host(lua).state.output.text(b"nil").is_err(),
            Type::Boolean => {
                let text: &[u8] = if lua.to_boolean(index) { b"true" } else { b"false" };
                host(lua).state.output.text(text).is_err()
            }
            Type::Userdata => {
                let Some(function) = native::output_function(lua, index) else {
                    lua.arg_error(index, c"unknown userdata type")
                };
                !native::call_output(lua, function, index)
            }
            _ => lua.arg_error(index, c"unsupported type"),
        };
        if is_full {
            break;
        }
    }
    let state = &mut host(lua).state;
    let used = state.output.len();
    state.note_output(used);
    if is_full {
        raise_full(lua);
    }
}

/// `output_limit exceeded`, unless the sandbox still has an error text: production raises that instead, stale or not.
fn raise_full(lua: Lua<'_>) -> ! {
    let stale = &host(lua).state.error;
    if stale.is_empty() {
        lua.raise(format_args!("output_limit exceeded"));
    }
    // Production passes the text as a format string.
    if has_conversion(stale) {
        lua.context()
            .meter
            .set_doom(crate::vm::Doom::Assertion("an error text with a % was used as a format string"));
        lua.doom();
    }
    lua.raise_parts(&[stale]);
}

/// Whether Lua's formatter would read an argument that is not there.
fn has_conversion(text: &[u8]) -> bool {
    text.windows(2).any(|it| it[0] == b'%' && b"sdcfp".contains(&it[1]))
}
