//! Writing the global data of a sandbox as Lua source (`lua_sandbox` `src/luasandbox_serialize.c:175-430`).
#![allow(unsafe_code)]

use std::{collections::HashMap, ffi::c_int};

use crate::{
    sandbox::{
        host::{host, of_context, push_scratch},
        native, native_abi,
    },
    vm::{GLOBALS, Lua, TableType, Type, Vm, host_call},
};

/// What became of the state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Preserved {
    /// The content of the new state file.
    Written(Vec<u8>),
    /// The state cannot be written: production removes the file. The text says why.
    Removed(Vec<u8>),
    /// Writing did not even start, the old file stays. The text says why.
    Kept(Vec<u8>),
}

/// Deeper nesting than this overflows production's C stack.
const MAX_DEPTH: usize = 190;

const NO_REQUIRE: &[u8] = b"preserve_global_data 'require' function not found";
const STEP_FAILED: &[u8] = b"preserve_global_data failed loading 'string'";

struct Save {
    /// The file's text. Lines go to the host's output buffer first where production's do.
    file: Vec<u8>,
    /// Path of every object seen, by its address.
    seen: HashMap<usize, Vec<u8>>,
    globals: usize,
    /// The script has put something else in the place of `require`, and strings cannot be written.
    is_require_missing: bool,
}

/// Writes the state of a sandbox that is about to be destroyed; limits are off from here on.
pub fn preserve(vm: &mut Vm) -> Preserved {
    vm.disarm();
    let mut save = Save { file: Vec::new(), seen: HashMap::new(), globals: 0, is_require_missing: false };
    if vm.protected(load_string_library, &mut save).is_err() {
        return Preserved::Kept(STEP_FAILED.to_vec());
    }
    if save.is_require_missing {
        return Preserved::Kept(NO_REQUIRE.to_vec());
    }
    vm.set_memory_limit(0);
    host(vm.lua()).state.output.unlimit();
    // The text of a failed step is the sandbox's error text.
    host(vm.lua()).state.error.clear();
    match vm.protected(save_globals, &mut save) {
        Ok(()) => Preserved::Written(save.file),
        Err(_) => {
            let mut text = host(vm.lua()).state.error.clone();
            if text.is_empty() {
                text = vm.error_text().unwrap_or_default();
            }
            Preserved::Removed(text)
        }
    }
}

host_call! {
    /// Strings are written with `string.format`, so the library is loaded even if the script did not.
    fn load_string_library(lua) {
        lua.get_field(GLOBALS, c"string");
        if lua.type_at(-1) != Type::Table {
            lua.get_field(GLOBALS, c"require");
            if lua.to_host_fn(-1).is_none() {
                argument(lua).is_require_missing = true;
                return 0;
            }
            lua.push_bytes(b"string");
            lua.call(1, 1);
        }
        0
    }
}

fn argument(lua: Lua<'_>) -> &mut Save {
    // SAFETY: `preserve` passes its own `Save` and keeps it alive during the call.
    unsafe { &mut *lua.to_userdata(1).cast::<Save>() }
}

host_call! {
    fn save_globals(lua) {
        let version = take_version(lua);
        let save = argument(lua);
        lua.push_value(GLOBALS);
        save.globals = lua.to_pointer(-1) as usize;
        lua.work(|_| {
            let line = format!(
                "if _PRESERVATION_VERSION and _PRESERVATION_VERSION ~= {version} then return end\n"
            );
            save.file.extend_from_slice(line.as_bytes());
        });
        // The path of the table being written stands in a buffer of its own; each level appends to it.
        lua.work(|context| of_context(context).scratch = b"_G".to_vec());
        save_table(lua, 0);
        0
    }
}

/// The version the script set, which is removed: it is never part of the data.
fn take_version(lua: Lua<'_>) -> c_int {
    lua.get_field(GLOBALS, c"_PRESERVATION_VERSION");
    let kind = lua.type_at(-1);
    let version = if kind == Type::Number { lua.to_integer(-1) as c_int } else { 0 };
    lua.pop(1);
    if kind != Type::Nil {
        lua.push_nil();
        lua.set_field(GLOBALS, c"_PRESERVATION_VERSION");
    }
    version
}

/// Writes the entries of the table on top; its path is in `scratch`.
fn save_table(lua: Lua<'_>, depth: usize) {
    lua.check_stack(8, c"preservation");
    lua.push_nil();
    while lua.next(-2) {
        save_entry(lua, depth);
        lua.pop(1);
    }
}

/// Writes the entry whose key and value are on top.
fn save_entry(lua: Lua<'_>, depth: usize) {
    let mut serialize = None;
    match lua.type_at(-1) {
        Type::String | Type::Number | Type::Boolean => {}
        Type::Table => {
            if lua.get_metatable(-1) {
                lua.pop(1);
                return;
            }
            if lua.to_pointer(-1) as usize == argument(lua).globals {
                return;
            }
        }
        Type::Userdata => match native::serialize_function(lua, -1) {
            Some(function) => serialize = Some(function),
            None => return,
        },
        _ => return,
    }
    save_scalar(lua, -2);
    let parent = lua.work(|context| {
        let host = of_context(context);
        let parent = host.scratch.len();
        host.scratch.push(b'[');
        // Formatted as a C string: a NUL ends it.
        let key = crate::vm::lua::until_nul(host.state.output.as_bytes());
        host.scratch.extend_from_slice(key);
        host.scratch.push(b']');
        parent
    });
    let save = argument(lua);
    match lua.type_at(-1) {
        kind @ (Type::Table | Type::Userdata) => {
            let address =
                if kind == Type::Table { lua.to_pointer(-1) as usize } else { lua.to_userdata(-1) as usize };
            let is_new = lua.work(|context| note(save, &of_context(context).scratch, address));
            if is_new {
                if depth >= MAX_DEPTH {
                    lua.context().meter.set_doom(crate::vm::Doom::Assertion(
                        "preserved tables are nested too deeply, C stack overflow",
                    ));
                    host(lua)
                        .set_error(b"production would crash here: preserved tables are nested too deeply");
                    lua.doom();
                }
                if let Some(serialize) = serialize {
                    save_userdata(lua, serialize);
                } else {
                    save_new_table(lua, depth);
                }
            }
        }
        _ => {
            save_scalar(lua, -1);
            lua.work(|context| {
                let host = of_context(context);
                save.file.extend_from_slice(&host.scratch);
                save.file.extend_from_slice(b" = ");
                save.file.extend_from_slice(crate::vm::lua::until_nul(host.state.output.as_bytes()));
                save.file.push(b'\n');
            });
        }
    }
    lua.work(|context| of_context(context).scratch.truncate(parent));
}

/// Notes an object under its path; false (and a line that refers to the first path) when it was seen before.
fn note(save: &mut Save, path: &[u8], address: usize) -> bool {
    if let Some(first) = save.seen.get(&address) {
        save.file.extend_from_slice(path);
        save.file.extend_from_slice(b" = ");
        save.file.extend_from_slice(first);
        save.file.push(b'\n');
        return false;
    }
    save.seen.insert(address, path.to_vec());
    true
}

fn save_new_table(lua: Lua<'_>, depth: usize) {
    let save = argument(lua);
    // cjson needs to know an empty array from an empty object, which an empty array part tells.
    let is_empty_array = lua.table_type(-1) == TableType::Array && lua.raw_len(-1) == 0;
    lua.work(|context| {
        save.file.extend_from_slice(&of_context(context).scratch);
        save.file.extend_from_slice(if is_empty_array { b" = {nil}\n" } else { b" = {}\n" });
    });
    if !is_empty_array {
        save_table(lua, depth + 1);
    }
}

/// Has the module write the userdata on top.
fn save_userdata(lua: Lua<'_>, serialize: crate::vm::HostFn) {
    host(lua).state.output.clear();
    // The key as a C string the module can read; it is kept on the Lua stack while the module runs.
    push_scratch(lua);
    let key = lua.to_bytes(-1).map_or(std::ptr::null(), <[u8]>::as_ptr);
    lua.insert(-2);
    lua.push_light(key.cast_mut().cast());
    let result = native_abi::call_with_buffer(lua, serialize);
    lua.pop(1);
    lua.remove(-2);
    if result == 0 {
        let save = argument(lua);
        lua.work(|context| save.file.extend_from_slice(of_context(context).state.output.as_bytes()));
    }
}

/// Leaves the text of the scalar at `index` in the output buffer, or raises.
fn save_scalar(lua: Lua<'_>, index: c_int) {
    host(lua).state.output.clear();
    match lua.type_at(index) {
        Type::Number => {
            let _ = host(lua).state.output.serialized_number(lua.to_number(index));
        }
        Type::String => save_string(lua, index),
        Type::Boolean => {
            let text: &[u8] = if lua.to_boolean(index) { b"true" } else { b"false" };
            let _ = host(lua).state.output.text(text);
        }
        other => fail(lua, &[b"serialize_data cannot preserve type '", other.name().as_bytes(), b"'"]),
    }
}

/// `string.format("%q", ...)` through the global library, which the script may have replaced.
fn save_string(lua: Lua<'_>, index: c_int) {
    lua.check_stack(6, c"preservation");
    lua.get_field(GLOBALS, c"string");
    lua.get_field(-1, c"format");
    if lua.type_at(-1) != Type::Function {
        fail(lua, &[b"serialize_data cannot access the string format function"]);
    }
    lua.push_bytes(b"%q");
    lua.push_value(index - 3);
    if !lua.protected_call(2, 1) {
        let text = lua.to_c_bytes(-1).unwrap_or(b"(null)");
        fail(lua, &[b"serialize_data '", text, b"'"]);
    }
    let text = lua.to_c_bytes(-1).unwrap_or(b"<nil error message>");
    let _ = host(lua).state.output.text(text);
    lua.pop(2);
}

/// Ends the whole save with this error text.
fn fail(lua: Lua<'_>, parts: &[&[u8]]) -> ! {
    lua.check_stack(parts.len() as c_int + 1, c"preservation");
    for part in parts {
        lua.push_bytes(part);
    }
    lua.concat(parts.len() as c_int);
    let text = lua.to_bytes(-1).unwrap_or_default();
    host(lua).set_error(text);
    lua.throw()
}
