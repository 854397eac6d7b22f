//! `read_config(name)` (`lua_sandbox` `src/luasandbox.c:184`).

use std::ffi::CStr;

use crate::{
    sandbox::config::{Key, Table, Value},
    vm::{Lua, REGISTRY, host_call, lua::until_nul},
};

/// The registry's name for the configuration.
pub const CONFIG_TABLE: &CStr = c"lsb_config";

host_call! {
    /// The configured value or nil; a table is the live one, shared between calls.
    pub fn read_config(lua) {
        let name = until_nul(lua.check_bytes(1));
        if lua.top() != 1 {
            lua.arg_error(0, c"too many arguments");
        }
        lua.get_field(REGISTRY, CONFIG_TABLE);
        lua.push_bytes(name);
        lua.get_table(-2);
        1
    }
}

/// Builds the configuration inside the VM; leaves the table on the stack.
pub fn push_table(lua: Lua<'_>, table: &Table) {
    lua.check_stack(4, c"configuration");
    lua.new_table(0, 0);
    for (key, value) in &table.entries {
        match value {
            Value::String(bytes) => lua.push_bytes(bytes),
            Value::Number(number) => lua.push_number(*number),
            Value::Boolean(value) => lua.push_boolean(*value),
            Value::Table(inner) => push_table(lua, inner),
            Value::Other(_) => continue,
        }
        match key {
            Ok(Key::String(name)) => {
                lua.push_bytes(until_nul(name));
                lua.insert(-2);
                lua.raw_set(-3);
            }
            // Cut to C's int, as production does: [1.5] and [1] are one key.
            Ok(Key::Number(number)) => lua.raw_set_i(-2, *number as i64 as i32),
            Err(_) => lua.pop(1),
        }
    }
}
