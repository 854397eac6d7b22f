//! Zero-copy references: `read_message(name, fi, ai, true)` (`lua_sandbox` `src/heka/read_message_zc.c`).
//!
//! The userdata holds a name and two indices; what it refers to is looked up in the message of the running call each
//! time it is used, so a reference made once serves every message.
#![allow(unsafe_code)]

use std::{
    ffi::{CStr, c_int},
    slice,
};

use super::{
    api::read_message::field_name,
    host::host,
    native::{UserdataFns, add_functions},
};
use crate::{
    message::{Value, write_frame_header},
    vm::{ENVIRONMENT, Lua, host_call, lua::until_nul},
};

const METATABLE: &CStr = c"lsb.read_message_zc";
/// The longest written frame header.
const HEADER: usize = 14;

/// The userdata: indices, then the name's bytes behind it.
#[repr(C)]
struct Reference {
    field_index: c_int,
    array_index: c_int,
    len: usize,
}

impl Reference {
    fn name(&self) -> &[u8] {
        // SAFETY: `create` allocates `len` bytes behind the structure and fills them.
        unsafe { slice::from_raw_parts((&raw const *self).add(1).cast::<u8>(), self.len) }
    }

    fn is_framed(&self) -> bool {
        until_nul(self.name()) == b"framed"
    }
}

fn check(lua: Lua<'_>, index: c_int) -> &Reference {
    // SAFETY: only `create` makes userdata with this metatable.
    unsafe { &*lua.check_userdata(index, METATABLE).cast::<Reference>() }
}

/// Creates a reference from the arguments of `read_message`.
pub fn create(lua: Lua<'_>) -> c_int {
    let name = lua.check_bytes(1);
    let field_index = lua.opt_int(2, 0);
    if field_index < 0 {
        lua.arg_error(2, c"field index must be >= 0");
    }
    let array_index = lua.opt_int(3, 0);
    if array_index < 0 {
        lua.arg_error(3, c"array index must be >= 0");
    }
    let c_name = until_nul(name);
    let is_known = matches!(
        c_name,
        b"Uuid" | b"Type" | b"Logger" | b"Payload" | b"EnvVersion" | b"Hostname" | b"raw" | b"framed"
    ) || field_name(name).is_some();
    if !is_known {
        lua.raise_parts(&[b"heka_create_read_message_zc() field: '", c_name, b"' not supported/recognized"]);
    }
    if lua.new_metatable(METATABLE) {
        lua.new_table(0, 0);
        add_functions(
            lua,
            UserdataFns { output: Some(output), zero_copy: Some(pieces), ..UserdataFns::default() },
        );
        lua.replace(ENVIRONMENT);
        lua.push_value(-1);
        lua.set_field(-2, c"__index");
        lua.register(None, &[(c"__tostring", tostring)]);
    }
    let block = lua.new_userdata(size_of::<Reference>() + name.len()).cast::<Reference>();
    // SAFETY: the block has room for the structure and the name behind it.
    unsafe {
        block.write(Reference { field_index, array_index, len: name.len() });
        block.add(1).cast::<u8>().copy_from_nonoverlapping(name.as_ptr(), name.len());
    }
    lua.push_value(-2);
    lua.set_metatable(-2);
    1
}

/// What the reference stands for in the message of the running call.
fn resolve<'l>(lua: Lua<'l>, reference: &Reference) -> Option<&'l [u8]> {
    let message = host(lua).message()?;
    match until_nul(reference.name()) {
        b"raw" | b"framed" => Some(message.raw()),
        b"Payload" => message.payload(),
        b"Logger" => message.logger(),
        b"Type" => message.type_(),
        b"EnvVersion" => message.env_version(),
        b"Hostname" => message.hostname(),
        b"Uuid" => Some(message.uuid()),
        c_name => {
            let name = field_name(reference.name()).unwrap_or_default();
            match message.read(name, reference.field_index as usize, reference.array_index as usize) {
                Some(Value::String(bytes)) => Some(bytes),
                None => None,
                Some(_) => lua.raise_parts(&[
                    b"read_message() zc->name.s: '",
                    c_name,
                    b"' contains an unsupported type",
                ]),
            }
        }
    }
}

/// The frame header for `len` bytes, on the stack.
fn header(lua: Lua<'_>, len: usize) -> ([u8; HEADER], usize) {
    lua.work(|_| {
        let mut bytes = Vec::new();
        write_frame_header(&mut bytes, len);
        let mut res = [0; HEADER];
        res[..bytes.len()].copy_from_slice(&bytes);
        (res, bytes.len())
    })
}

host_call! {
    fn output(lua) {
        if lua.to_userdata(-1).is_null() {
            return 1;
        }
        let reference = check(lua, -2);
        let Some(bytes) = resolve(lua, reference) else { return 0 };
        let output = &mut host(lua).state.output;
        if reference.is_framed() {
            let (header, len) = header(lua, bytes.len());
            if output.text(&header[..len]).is_err() {
                return 1;
            }
        }
        c_int::from(output.text(bytes).is_err())
    }
}

host_call! {
    fn pieces(lua) {
        let reference = check(lua, -1);
        lua.try_stack(3);
        let bytes = resolve(lua, reference);
        let mut count = 2;
        if reference.is_framed() {
            let (header, len) = header(lua, bytes.unwrap_or_default().len());
            lua.push_bytes(&header[..len]);
            count += 1;
        }
        lua.push_light(bytes.map_or(std::ptr::null_mut(), |it| it.as_ptr().cast_mut().cast()));
        lua.push_number(f64::from(bytes.unwrap_or_default().len() as c_int));
        count
    }
}

host_call! {
    fn tostring(lua) {
        let reference = check(lua, -1);
        match resolve(lua, reference) {
            None => lua.push_nil(),
            Some(bytes) if reference.is_framed() => {
                let (header, len) = header(lua, bytes.len());
                lua.push_bytes(&header[..len]);
                lua.push_bytes(bytes);
                lua.concat(2);
            }
            Some(bytes) => lua.push_bytes(bytes),
        }
        1
    }
}
