//! `read_message(name [, field_index [, array_index [, zero_copy]]])` (`lua_sandbox` `src/heka/message.c:955`,
//! `src/heka/read_message_zc.c`).

use crate::{
    message::{Value, write_frame_header},
    sandbox::{
        host::{host, of_context, push_scratch},
        zero_copy,
    },
    vm::{Lua, Type, host_call},
};

host_call! {
    /// A header, a field's element, or the message's bytes; nil when absent or outside `process_message`.
    pub fn read_message(lua) {
        let mut n = lua.top();
        if n == 4 {
            lua.check_type(4, Type::Boolean);
            if lua.to_boolean(4) {
                return zero_copy::create(lua);
            }
            lua.pop(1);
            n = 3;
        }
        if !(1..=3).contains(&n) {
            lua.raise(format_args!("heka_read_message() incorrect number of arguments"));
        }
        let name = lua.check_bytes(1);
        let (mut field_index, mut array_index) = (0, 0);
        if n > 1 {
            field_index = lua.opt_int(2, 0);
            if field_index < 0 {
                lua.arg_error(2, c"field index must be >= 0");
            }
            array_index = lua.opt_int(3, 0);
            if array_index < 0 {
                lua.arg_error(3, c"array index must be >= 0");
            }
        }
        let Some(message) = host(lua).message() else {
            lua.push_nil();
            return 1;
        };
        if let Some(field) = field_name(name) {
            match message.read(field, field_index as usize, array_index as usize) {
                Some(Value::String(bytes)) => lua.push_bytes(bytes),
                Some(Value::Number(number)) => lua.push_number(number),
                Some(Value::Bool(number)) => lua.push_boolean(number != 0.0),
                None => lua.push_nil(),
            }
            return 1;
        }
        match name {
            b"Timestamp" => lua.push_number(message.timestamp() as f64),
            b"Type" => push_optional(lua, message.type_()),
            b"Payload" => push_optional(lua, message.payload()),
            b"Uuid" => lua.push_bytes(message.uuid()),
            b"Logger" => push_optional(lua, message.logger()),
            b"Severity" => lua.push_number(f64::from(message.severity())),
            b"EnvVersion" => push_optional(lua, message.env_version()),
            b"Pid" if message.pid() == i32::MIN => lua.push_nil(),
            b"Pid" => lua.push_number(f64::from(message.pid())),
            b"Hostname" => push_optional(lua, message.hostname()),
            b"raw" => lua.push_bytes(message.raw()),
            b"framed" => {
                lua.work(|context| {
                    let host = of_context(context);
                    let mut framed = std::mem::take(&mut host.scratch);
                    framed.clear();
                    if let Some(message) = host.message() {
                        write_frame_header(&mut framed, message.raw().len());
                        framed.extend_from_slice(message.raw());
                    }
                    host.scratch = framed;
                });
                push_scratch(lua);
            }
            b"size" => lua.push_number(message.raw().len() as f64),
            _ => other_name(lua, name),
        }
        1
    }
}

/// The name inside `Fields[...]`.
#[inline]
pub fn field_name(name: &[u8]) -> Option<&[u8]> {
    name.strip_prefix(b"Fields[")?.strip_suffix(b"]")
}

#[inline]
fn push_optional(lua: Lua<'_>, bytes: Option<&[u8]>) {
    match bytes {
        Some(bytes) => lua.push_bytes(bytes),
        None => lua.push_nil(),
    }
}

/// Production compares C strings: a name is also known by what stands before its first NUL.
#[cold]
fn other_name(lua: Lua<'_>, name: &[u8]) {
    let c_name = crate::vm::lua::until_nul(name);
    if c_name.len() < name.len() {
        lua.push_bytes(c_name);
        lua.replace(1);
        lua.call_in_frame(read_message);
        return;
    }
    lua.raise_parts(&[b"heka_read_message() field: '", c_name, b"' not supported/recognized"]);
}
