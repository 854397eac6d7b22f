//! `require`, `module` and `package.seeall` as production has them (`lua_sandbox` `src/lua/loadlib.c`).
//!
//! The order is production's: refused names, loaded modules, standard libraries, the Lua path, then the path of
//! native modules. A native module of ours answers at the place of production's C searcher: after the Lua path and
//! only if `cpath` is configured, so that scripts see the same module from the same configuration.

use std::ffi::{CStr, CString};

use super::host::{Host, NativeModule, host};
use crate::vm::{GLOBALS, Lua, REGISTRY, Type, host_call, lib, lua::until_nul};

/// The registry's table of loaded modules.
const LOADED: &CStr = c"_LOADED";

host_call! {
    /// Opens the package library: the globals `module`, `require` and `package`.
    pub fn open_package(lua) {
        lua.push_value(GLOBALS);
        lua.register(None, &[(c"module", module), (c"require", require)]);
        lua.pop(1);
        lua.register(Some(c"package"), &[(c"seeall", seeall)]);
        // An empty metatable marks the table as code, which is not preserved.
        lua.new_table(0, 0);
        lua.set_metatable(-2);
        1
    }
}

/// A module under way: `require` of it again is a loop. The address is only ever compared.
fn sentinel() -> *mut std::ffi::c_void {
    static SENTINEL: u8 = 0;
    (&raw const SENTINEL).cast_mut().cast()
}

host_call! {
    fn require(lua) {
        let name = until_nul(lua.check_bytes(1));
        if host(lua).disabled_modules.iter().any(|it| it.as_bytes() == name) {
            lua.raise_parts(&[b"module '", name, b"' disabled"]);
        }
        lua.set_top(1);
        lua.get_field(REGISTRY, LOADED);
        lua.push_bytes(name);
        lua.get_table(2);
        if lua.to_boolean(-1) {
            if lua.to_userdata(-1) == sentinel() {
                lua.raise_parts(&[b"loop or previous error loading module '", name, b"'"]);
            }
            return 1;
        }
        // Index 4 gathers what to say if no place has the module.
        lua.push_bytes(b"");
        find_loader(lua, name);
        lua.push_bytes(name);
        lua.push_light(sentinel());
        lua.set_table(2);
        lua.push_bytes(name);
        lua.call(1, 1);
        if lua.type_at(-1) != Type::Nil {
            lua.push_bytes(name);
            lua.insert(-2);
            lua.set_table(2);
        }
        lua.push_bytes(name);
        lua.get_table(2);
        if lua.to_userdata(-1) == sentinel() {
            lua.push_boolean(true);
            lua.push_value(-1);
            lua.push_bytes(name);
            lua.insert(-2);
            lua.set_table(2);
        }
        if lua.get_metatable(-1) {
            lua.pop(1);
        } else {
            lua.new_table(0, 0);
            lua.set_metatable(-2);
        }
        remove_entries(lua, name);
        1
    }
}

/// Takes the names a sandbox must not have out of the library on top.
fn remove_entries(lua: Lua<'_>, library: &[u8]) {
    let entries = host(lua).removed_entries;
    for (_, name) in entries.iter().filter(|(of, _)| of.as_bytes() == library) {
        lua.push_bytes(name.as_bytes());
        lua.push_nil();
        lua.set_table(-3);
    }
}

/// Leaves the function that loads `name` on top, or raises what was tried.
fn find_loader(lua: Lua<'_>, name: &[u8]) {
    if let Some(open) = lib::opener(name) {
        lua.push_fn(open);
        return;
    }
    if find_file(lua, name, b"path", |host| host.path.as_deref()) {
        load_lua_module(lua, name);
        return;
    }
    lua.concat(2);
    // Production's all-in-one searcher: the root of a dotted name.
    let module = native_module(lua, name);
    let found = find_native(lua, name, name, module);
    if found {
        return;
    }
    lua.concat(2);
    if let Some(dot) = memchr::memchr(b'.', name) {
        if find_native(lua, &name[..dot], name, module) {
            return;
        }
        lua.concat(2);
    }
    let tried = lua.to_bytes(-1).unwrap_or_default();
    lua.raise_parts(&[b"module '", name, b"' not found:", until_nul(tried)]);
}

/// The module of ours called `name`.
fn native_module(lua: Lua<'_>, name: &[u8]) -> Option<NativeModule> {
    host(lua).modules.iter().find(|it| it.name.as_bytes() == name).copied()
}

/// Searches the templates of `cpath`. Shared libraries are never loaded; a module of ours is found before any file.
fn find_native(lua: Lua<'_>, file: &[u8], name: &[u8], module: Option<NativeModule>) -> bool {
    check_name(lua, file);
    let has_path = host(lua).cpath.is_some();
    if has_path
        && let Some(module) = module
        && (!module.io_only || has_io_modules(lua))
    {
        lua.push_fn(module.open);
        return true;
    }
    if find_file(lua, file, b"cpath", |host| host.cpath.as_deref()) {
        let found = lua.to_bytes(-1).unwrap_or_default();
        lua.raise_parts(&[
            b"error loading module '",
            name,
            b"' from file '",
            found,
            b"':\n\tnative Lua modules are not loaded, and cepshim has no module of its own of that name",
        ]);
    }
    false
}

/// Production's I/O modules are found only where a template names their folder.
fn has_io_modules(lua: Lua<'_>) -> bool {
    let host = host(lua);
    [&host.path, &host.cpath]
        .into_iter()
        .flatten()
        .any(|it| memchr::memmem::find(it, b"io_modules").is_some())
}

fn check_name(lua: Lua<'_>, name: &[u8]) {
    if !name.iter().all(|it| it.is_ascii_alphanumeric() || matches!(it, b'_' | b'.')) {
        lua.raise_parts(&[b"invalid module name '", name, b"'"]);
    }
}

/// Tries each template: true with the file's name on top, or false with the list of files tried on top.
fn find_file(lua: Lua<'_>, name: &[u8], kind: &[u8], templates: fn(&Host) -> Option<&[u8]>) -> bool {
    check_name(lua, name);
    if templates(host(lua)).is_none() {
        lua.raise_parts(&[
            b"no '",
            kind,
            b"' configuration was specified for the sandbox; external modules have been disabled",
        ]);
    }
    // Text for Lua is put together outside the frame, which must not own it.
    let found = lua.work(|context| {
        let host = super::host::of_context(context);
        let mut tried = Vec::new();
        let file = search(name, templates(host).unwrap_or_default(), &mut tried);
        let found = file.is_some();
        host.scratch = file.unwrap_or(tried);
        found
    });
    lua.push_bytes(&host(lua).scratch);
    found
}

/// The first readable file among the templates; `tried` gathers production's words about the others.
fn search(name: &[u8], templates: &[u8], tried: &mut Vec<u8>) -> Option<Vec<u8>> {
    use std::os::unix::ffi::OsStrExt as _;

    let path: Vec<u8> = name.iter().map(|&it| if it == b'.' { b'/' } else { it }).collect();
    for template in templates.split(|&it| it == b';').filter(|it| !it.is_empty()) {
        let mut file = Vec::new();
        for &byte in template {
            if byte == b'?' { file.extend_from_slice(&path) } else { file.push(byte) }
        }
        if std::fs::File::open(std::ffi::OsStr::from_bytes(&file)).is_ok() {
            return Some(file);
        }
        tried.extend_from_slice(b"\n\tno file '");
        tried.extend_from_slice(&file);
        tried.push(b'\'');
    }
    None
}

/// Replaces the file name on top by its compiled chunk.
fn load_lua_module(lua: Lua<'_>, name: &[u8]) {
    let file = lua.to_bytes(-1).unwrap_or_default();
    let is_read = lua.work(|context| {
        use std::os::unix::ffi::OsStrExt as _;
        let host = super::host::of_context(context);
        match std::fs::read(std::ffi::OsStr::from_bytes(file)) {
            Ok(text) => {
                host.scratch = text;
                let mut chunk = b"@".to_vec();
                chunk.extend_from_slice(file);
                host.scratch_name = CString::new(chunk).unwrap_or_default();
                true
            }
            Err(error) => {
                host.scratch = format!("cannot read {}: {error}", String::from_utf8_lossy(file)).into_bytes();
                false
            }
        }
    });
    let loaded = if is_read {
        let host = host(lua);
        let source = skip_hash_line(&host.scratch);
        lua.load(source, &host.scratch_name)
    } else {
        lua.push_bytes(&host(lua).scratch);
        false
    };
    if !loaded {
        let reason = lua.to_c_bytes(-1).unwrap_or_default();
        lua.raise_parts(&[b"error loading module '", name, b"' from file '", file, b"':\n\t", reason]);
    }
}

/// `luaL_loadfile` ignores a first line that starts with `#`, keeping its line end so that line numbers hold.
fn skip_hash_line(source: &[u8]) -> &[u8] {
    if source.first() == Some(&b'#') {
        memchr::memchr(b'\n', source).map_or(&[], |at| &source[at..])
    } else {
        source
    }
}

host_call! {
    fn module(lua) {
        let name = until_nul(lua.check_bytes(1));
        let loaded = lua.top() + 1;
        lua.get_field(REGISTRY, LOADED);
        lua.push_bytes(name);
        lua.get_table(loaded);
        if lua.type_at(-1) != Type::Table {
            lua.pop(1);
            if !find_global_table(lua, name) {
                lua.raise_parts(&[b"name conflict for module '", name, b"'"]);
            }
            lua.push_value(-1);
            lua.push_bytes(name);
            lua.insert(-2);
            lua.set_table(loaded);
        }
        lua.get_field(-1, c"_NAME");
        let is_initialized = lua.type_at(-1) != Type::Nil;
        lua.pop(1);
        if !is_initialized {
            lua.push_value(-1);
            lua.set_field(-2, c"_M");
            lua.push_bytes(name);
            lua.set_field(-2, c"_NAME");
            let package = memchr::memrchr(b'.', name).map_or(0, |dot| dot + 1);
            lua.push_bytes(&name[..package]);
            lua.set_field(-2, c"_PACKAGE");
        }
        lua.push_value(-1);
        if !lua.push_caller(1) || lua.to_host_fn(-1).is_some() {
            lua.raise(format_args!("'module' not called from a Lua function"));
        }
        lua.push_value(-2);
        lua.set_environment(-2);
        lua.pop(2);
        for option in 2..loaded {
            lua.push_value(option);
            lua.push_value(-2);
            lua.call(1, 0);
        }
        0
    }
}

/// `luaL_findtable` over the globals; the name is the script's, so it stands on the Lua stack as C string.
fn find_global_table(lua: Lua<'_>, name: &[u8]) -> bool {
    lua.push_bytes(name);
    let found = lua.find_table_named_on_top(GLOBALS, 1);
    if found {
        lua.remove(-2);
    }
    found
}

host_call! {
    fn seeall(lua) {
        lua.check_type(1, Type::Table);
        if !lua.get_metatable(1) {
            lua.new_table(0, 1);
            lua.push_value(-1);
            lua.set_metatable(1);
        }
        lua.push_value(GLOBALS);
        lua.set_field(-2, c"__index");
        0
    }
}
