//! `inject_message(table)` of analysis plugins (`lua_sandbox` `src/heka/sandbox.c:236`).

use crate::{
    sandbox::{
        encode,
        host::{host, of_context},
    },
    vm::{Lua, Type, host_call},
};

host_call! {
    /// Encodes a table as a message and hands it to the host.
    pub fn inject_message(lua) {
        inject(lua)
    }
}

/// Injects the table at index 1; `inject_payload` ends here too.
pub fn inject(lua: Lua<'_>) -> std::ffi::c_int {
    lua.check_type(1, Type::Table);
    if encode::encode_message(lua, 1).is_err() {
        let error = &host(lua).state.error;
        lua.raise_parts(&[b"inject_message() failed: ", error]);
    }
    let place = lua.place(1);
    let is_allowed = lua.work(|context| {
        let host = of_context(context);
        if host.state.inject_budget == 0 {
            host.state.output.clear();
            return false;
        }
        host.state.inject_budget -= 1;
        host.state.stats.injected += 1;
        host.state.stats.injected_bytes += host.state.output.len() as u64;
        let message = std::mem::take(&mut host.state.output);
        host.tell(|sink| sink.injected(message.as_bytes(), place));
        host.state.output = message;
        host.state.output.clear();
        true
    });
    if !is_allowed {
        lua.raise(format_args!("inject_message() failed: injection limit exceeded"));
    }
    0
}
