//! `inject_payload([type [, name [, ...]]])` (`lua_sandbox` `src/heka/sandbox.c:270`).

use super::{add_to_payload::append, inject_message::inject};
use crate::{
    sandbox::host::host,
    vm::{Type, host_call},
};

host_call! {
    /// Injects the payload gathered so far, its arguments appended. With nothing gathered it does nothing.
    pub fn inject_payload(lua) {
        let n = lua.top();
        if n > 0 && lua.type_at(1) != Type::String {
            lua.raise(format_args!("inject_payload() payload_type argument must be a string"));
        }
        if n > 1 && lua.type_at(2) != Type::String {
            lua.raise(format_args!("inject_payload() payload_name argument must be a string"));
        }
        if n > 2 {
            append(lua, 3, n);
            lua.pop(n - 2);
        }
        if host(lua).state.output.is_empty() {
            return 0;
        }
        lua.new_table(0, 2);
        lua.new_table(0, 2);
        if n > 0 {
            lua.push_value(1);
        } else {
            lua.push_bytes(b"txt");
        }
        lua.set_field(-2, c"payload_type");
        if n > 1 {
            lua.push_value(2);
            lua.set_field(-2, c"payload_name");
        }
        lua.set_field(-2, c"Fields");
        lua.push_bytes(b"inject_payload");
        lua.set_field(-2, c"Type");
        lua.push_bytes(host(lua).state.output.as_bytes());
        lua.set_field(-2, c"Payload");
        host(lua).state.output.clear();
        if lua.top() > 1 {
            lua.replace(1);
        }
        inject(lua)
    }
}
