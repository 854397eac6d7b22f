//! `print(...)` (`lua_sandbox` `src/luasandbox.c:138`): a log line at level 7, if anybody may hear it.

use crate::{
    sandbox::host::host,
    vm::{GLOBALS, Type, host_call, lua::until_nul},
};

host_call! {
    /// Logs its arguments. The shared output buffer is emptied first, heard or not: pending payload is lost.
    pub fn print(lua) {
        host(lua).state.output.clear();
        let n = lua.top();
        if !host(lua).prints || n == 0 {
            return 0;
        }
        lua.get_field(GLOBALS, c"tostring");
        for i in 1..=n {
            lua.push_value(-1);
            lua.push_value(i);
            lua.call(1, 1);
            if !matches!(lua.type_at(-1), Type::String | Type::Number) {
                lua.raise(format_args!("'tostring' must return a string to 'print'"));
            }
            let text = until_nul(lua.to_bytes(-1).unwrap_or_default());
            let output = &mut host(lua).state.output;
            if i > 1 {
                let _ = output.byte(b'\t');
            }
            for &byte in text {
                let is_printable = byte.is_ascii_graphic() || byte == b' ';
                let _ = output.byte(if is_printable { byte } else { b' ' });
            }
            lua.pop(1);
        }
        lua.work(|context| {
            let host = crate::sandbox::host::of_context(context);
            let component = host.name.clone().unwrap_or_else(|| host.lua_file.clone());
            let text = host.state.output.as_bytes().to_vec();
            host.state.output.clear();
            host.tell(|sink| sink.log(7, &component, &text));
        });
        0
    }
}
