//! What sockets need beside their table: sending parts of a string, `LuaSocket`'s exceptions, time.
//!
//! `LuaSocket`'s functions answer failures with nil and a text, so `receive` does too; its text is no `timeout` or `closed`,
//! which plugins take for passing weather and try again.

use std::ffi::{CStr, c_int};

use super::{record, table};
use crate::{
    modules::object::{Class, Object},
    vm::{Lua, Type, host_call, upvalue},
};

/// A TCP socket.
pub const TCP: Class = Class { name: c"tcp{stand-in}" };
/// A UDP socket.
pub const UDP: Class = Class { name: c"udp{stand-in}" };
/// A TLS connection.
pub const SSL: Class = Class { name: c"SSL:Connection" };
/// A stream socket of the file system.
pub const UNIX: Class = Class { name: c"unixstream{stand-in}" };
/// An IRC connection.
pub const IRC: Class = Class { name: c"mozsvc.irc" };

/// Metatable of the tables that `try` raises.
const EXCEPTION: &CStr = c"cepshim.socket.exception";

/// `send(data [, i [, j]])`: the last byte sent, or nil and `closed` where nothing is connected.
fn send(lua: Lua<'_>, class: &Class, module: &'static str, action: &'static str) -> c_int {
    Object::<u64>::check(lua, 1, class);
    let data = lua.check_bytes(2);
    let len = data.len() as f64;
    let first = lua.opt_number(3, 1.0).trunc();
    let last = lua.opt_number(4, -1.0).trunc();
    let first = if first < 0.0 { len + first + 1.0 } else { first }.max(1.0);
    let last = if last < 0.0 { len + last + 1.0 } else { last }.min(len);
    record::push_destination(lua, 1);
    let destination = lua.top();
    if lua.raw_len(destination) == 0 {
        lua.push_nil();
        lua.push_bytes(b"closed");
        lua.push_number(first - 1.0);
        return 3;
    }
    record::start(lua);
    let mut sent = first - 1.0;
    if first <= last {
        record::add(lua, &data[first as usize - 1..last as usize]);
        sent = last;
    }
    record::send_scratch(lua, module, action, destination, &[]);
    lua.push_number(sent);
    1
}

host_call! {
    pub fn tcp_send(lua) {
        send(lua, &TCP, "socket", "tcp:send")
    }
}

host_call! {
    pub fn ssl_send(lua) {
        send(lua, &SSL, "ssl", "conn:send")
    }
}

host_call! {
    pub fn unix_send(lua) {
        send(lua, &UNIX, "socket.unix", "unix:send")
    }
}

/// Host, port and family that the object at 1 was connected to.
fn peer(lua: Lua<'_>, class: &Class) -> c_int {
    Object::<u64>::check(lua, 1, class);
    record::push_destination(lua, 1);
    let destination = lua.to_bytes(-1).unwrap_or_default();
    let Some(colon) = memchr::memrchr(b':', destination) else {
        lua.push_nil();
        lua.push_bytes(b"Transport endpoint is not connected");
        return 2;
    };
    lua.push_bytes(&destination[..colon]);
    lua.push_bytes(&destination[colon + 1..]);
    let port = lua.to_number(-1);
    lua.pop(1);
    lua.push_number(port);
    lua.push_bytes(b"inet");
    3
}

host_call! {
    pub fn tcp_peer(lua) {
        peer(lua, &TCP)
    }
}

host_call! {
    pub fn udp_peer(lua) {
        peer(lua, &UDP)
    }
}

host_call! {
    pub fn ssl_peer(lua) {
        peer(lua, &SSL)
    }
}

host_call! {
    /// `ssl.wrap(socket, context)`: a connection to where the socket goes.
    pub fn ssl_wrap(lua) {
        lua.set_top(2);
        let mut destination: &[u8] = b"";
        if lua.type_at(1) == Type::Userdata {
            record::push_destination(lua, 1);
            destination = lua.to_bytes(-1).unwrap_or_default();
        }
        table::push_object(lua, &SSL);
        let object = lua.top();
        lua.push_bytes(destination);
        table::set_destination(lua, object);
        1
    }
}

host_call! {
    /// Nothing ever comes in, and everything can be written to at once.
    pub fn select(lua) {
        lua.set_top(3);
        lua.new_table(0, 0);
        if lua.type_at(2) == Type::Table && lua.raw_len(2) > 0 {
            lua.push_value(2);
            return 2;
        }
        lua.new_table(0, 0);
        lua.push_bytes(b"timeout");
        3
    }
}

host_call! {
    /// Seconds of the run's clock.
    pub fn gettime(lua) {
        let now = lua.context().meter.now_ns;
        lua.push_number(now as f64 / 1e9);
        1
    }
}

host_call! {
    pub fn skip(lua) {
        let amount = lua.check_integer(1);
        (i64::from(lua.top()) - amount - 1).clamp(0, i64::from(lua.top())) as c_int
    }
}

host_call! {
    /// `newtry([finalizer])`: a function that hands its arguments back, or cleans up and raises the second.
    pub fn newtry(lua) {
        lua.set_top(1);
        lua.push_closure(try_or_raise, 1);
        1
    }
}

host_call! {
    fn try_or_raise(lua) {
        if lua.to_boolean(1) {
            return lua.top();
        }
        if lua.type_at(upvalue(1)) != Type::Nil {
            lua.push_value(upvalue(1));
            lua.call(0, 0);
        }
        lua.set_top(2);
        lua.new_table(1, 0);
        lua.push_value(2);
        lua.raw_set_i(-2, 1);
        push_exception_metatable(lua);
        lua.set_metatable(-2);
        lua.throw()
    }
}

fn push_exception_metatable(lua: Lua<'_>) {
    if lua.new_metatable(EXCEPTION) {
        lua.push_boolean(false);
        lua.set_field(-2, c"__metatable");
    }
}

host_call! {
    /// `protect(f)`: a function that calls `f` and turns what `try` raised into nil and its text.
    pub fn protect(lua) {
        lua.set_top(1);
        lua.push_closure(call_protected, 1);
        1
    }
}

host_call! {
    fn call_protected(lua) {
        let arguments = lua.top();
        lua.push_value(upvalue(1));
        lua.insert(1);
        if lua.protected_call(arguments, -1) {
            return lua.top();
        }
        if lua.type_at(-1) == Type::Table && lua.get_metatable(-1) {
            push_exception_metatable(lua);
            let is_own = lua.to_pointer(-1) == lua.to_pointer(-2);
            lua.pop(2);
            if is_own {
                lua.push_nil();
                lua.raw_get_i(-2, 1);
                return 2;
            }
        }
        lua.throw()
    }
}

host_call! {
    /// `conn:status()`: server and port.
    pub fn irc_status(lua) {
        Object::<u64>::check(lua, 1, &IRC);
        record::push_destination(lua, 1);
        let destination = lua.to_bytes(-1).unwrap_or_default();
        let server = memchr::memchr(b'/', destination).map_or(destination, |at| &destination[..at]);
        let colon = memchr::memrchr(b':', server).unwrap_or(server.len());
        lua.new_table(0, 2);
        lua.push_bytes(&server[..colon]);
        lua.set_field(-2, c"server");
        lua.push_bytes(server.get(colon + 1..).unwrap_or_default());
        let port = lua.to_number(-1);
        lua.pop(1);
        lua.push_number(port);
        lua.set_field(-2, c"port");
        1
    }
}
