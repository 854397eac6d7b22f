//! Modules of ours written in Lua, where production's are Lua files too: `LuaSocket`'s upper half.
//!
//! A plugin that uses them from production's own folder gets production's files, because the Lua path is searched first;
//! these answer where that folder is not at hand. `ltn12`, `mime` and `socket.url` transform data and work in full (what is
//! C in production's `mime` is [`crate::modules::mime`]); `socket`, `socket.http`, `socket.smtp` and `ssl.https` are
//! stand-ins and record what they are given ([`crate::modules::standin`]).
//!
//! A chunk is called with the module's name and two functions: `record(action, destination, bytes, name, value, ...)`,
//! and `no_answer(action)`, which gives the text to fail with.

use std::ffi::{CStr, c_int};

use super::standin::record;
use crate::{
    sandbox::{Kind, NativeModule},
    vm::{Lua, host_call, upvalue},
};

/// How the chunks' names begin in error texts.
pub const EMBEDDED_CHUNK: &[u8] = b"cepshim:";

/// Declares the modules.
macro_rules! embedded {
    ($($module:ident, $name:literal, $version:literal, $kind:ident, $open:ident, $chunk:literal, $file:literal;)*) => {
        $(host_call! {
            fn $open(lua) {
                open(lua, $name, $chunk, include_bytes!($file))
            }
        }

        #[doc = concat!("`", $name, "`")]
        pub const $module: NativeModule = NativeModule {
            name: $name,
            open: $open,
            io_only: true,
            version: $version,
            kind: Kind::$kind,
        };)*

        /// Their names, which live long enough for records.
        const MODULE_NAMES: &[&str] = &[$($name),*];
    };
}

embedded! {
    LTN12, "ltn12", "1.0.3", BuiltIn, ltn12, c"=cepshim:ltn12", "ltn12.lua";
    MIME, "mime", "1.0.3", BuiltIn, mime, c"=cepshim:mime", "mime.lua";
    SOCKET, "socket", "3.0.12", StandIn, socket, c"=cepshim:socket", "socket.lua";
    SOCKET_HTTP, "socket.http", "3.0.12", StandIn, socket_http, c"=cepshim:socket.http", "http.lua";
    SOCKET_SMTP, "socket.smtp", "3.0.12", StandIn, socket_smtp, c"=cepshim:socket.smtp", "smtp.lua";
    SOCKET_URL, "socket.url", "1.0.3", BuiltIn, socket_url, c"=cepshim:socket.url", "url.lua";
    SSL_HTTPS, "ssl.https", "0.9.0", StandIn, ssl_https, c"=cepshim:ssl.https", "https.lua";
}

fn open(lua: Lua<'_>, name: &'static str, chunk: &CStr, source: &[u8]) -> c_int {
    if !lua.load(source, chunk) {
        lua.throw();
    }
    lua.push_bytes(name.as_bytes());
    for function in [record_call, no_answer] {
        lua.push_bytes(name.as_bytes());
        lua.push_closure(function, 1);
    }
    lua.call(3, 1);
    1
}

/// The module whose function is running, as a text that lives long enough for records.
fn own_name(lua: Lua<'_>) -> &'static str {
    let name = lua.to_bytes(upvalue(1)).unwrap_or_default();
    MODULE_NAMES.iter().find(|it| it.as_bytes() == name).copied().unwrap_or("?")
}

/// What the chunks record, and with which parameters.
const ACTIONS: &[&str] = &["request", "send"];
const NAMES: &[&str] = &["method", "headers", "from", "rcpt"];

host_call! {
    fn record_call(lua) {
        let action = lua.check_bytes(1);
        let action = ACTIONS.iter().find(|it| it.as_bytes() == action).copied().unwrap_or("?");
        lua.check_bytes(2);
        let last = lua.top();
        let mut parameters = [("", 0); 4];
        let mut count = 0;
        let mut at = 4;
        while at < last && count < parameters.len() {
            let name = lua.to_bytes(at).unwrap_or_default();
            if let Some(name) = NAMES.iter().find(|it| it.as_bytes() == name)
                && !lua.is_none_or_nil(at + 1)
            {
                record::push_text(lua, at + 1);
                parameters[count] = (name, lua.top());
                count += 1;
            }
            at += 2;
        }
        record::start(lua);
        record::add_value(lua, 3);
        record::send_scratch(lua, own_name(lua), action, 2, &parameters[..count]);
        0
    }
}

host_call! {
    fn no_answer(lua) {
        let action = lua.check_bytes(1);
        record::push_no_answer(lua, own_name(lua), std::str::from_utf8(action).unwrap_or("?"));
        1
    }
}
