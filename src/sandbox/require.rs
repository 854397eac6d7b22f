//! `require`, `module` and `package.seeall` as production has them (`lua_sandbox` `src/lua/loadlib.c`).
//!
//! The order is production's: refused names, loaded modules, standard libraries, the Lua path, then the path of
//! native modules. A native module of ours answers at the place of production's C searcher: after the Lua path and
//! only if `cpath` is configured, so that scripts see the same module from the same configuration. The search itself is
//! in [`search`](super::search).

use std::ffi::{CStr, c_int};

use super::{
    host::{Host, host, push_scratch},
    native_abi,
    search::{Found, load_error},
};
use crate::vm::{
    Context, GLOBALS, HostFn, Lua, REGISTRY, Type,
    dynamic::{self, LoadError},
    host_call,
    lua::until_nul,
};

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
            // Refused before anything loaded is looked at; the search has the words.
            find_loader(lua, name);
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

/// What became of the search, with a text in the host's scratch.
#[derive(Clone, Copy)]
enum Step {
    /// This function opens the module.
    Open(HostFn),
    /// This function of a shared library opens the module.
    OpenForeign(HostFn),
    /// The file called like the scratch text is the module.
    Compile,
    /// There is none, for the reason in the scratch text.
    Raise { has_place: bool },
}

/// Leaves the function that loads `name` on top, or raises what was tried.
fn find_loader(lua: Lua<'_>, name: &[u8]) {
    // The search opens files and owns texts, so it runs outside the frame.
    let step = lua.work(|context| find(super::host::of_context(context), name));
    match step {
        Step::Open(open) => lua.push_fn(open),
        Step::OpenForeign(open) => {
            native_abi::welcome(lua);
            lua.push_fn(open);
        }
        Step::Compile => {
            push_scratch(lua);
            load_lua_module(lua, name);
        }
        Step::Raise { has_place: true } => lua.lend(scratch, |text| lua.raise_parts(&[text])),
        Step::Raise { has_place: false } => {
            push_scratch(lua);
            lua.throw()
        }
    }
}

/// Looks for the module, and in shared libraries for its function.
fn find(host: &mut Host, name: &[u8]) -> Step {
    let missing = match host.search().find(name) {
        Found::Standard(open) => return Step::Open(open),
        Found::Native(module) => return Step::Open(module.open),
        Found::Lua(file) => {
            host.scratch = file;
            return Step::Compile;
        }
        Found::Library(library) => match dynamic::load(&library.file, &dynamic::open_function(name)) {
            Ok(open) => return Step::OpenForeign(open),
            Err(LoadError::Function(_)) if library.is_root => library.without(name),
            Err(error) => {
                host.scratch = load_error(name, &library.file, error.to_string().as_bytes());
                return Step::Raise { has_place: false };
            }
        },
        Found::Nothing(missing) => missing,
    };
    host.scratch = missing.text(name);
    host.failed_require = Some((name.to_vec(), host.scratch.clone()));
    Step::Raise { has_place: missing.has_place() }
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
                chunk.push(0);
                host.scratch_name = chunk;
                true
            }
            Err(error) => {
                host.scratch = format!("cannot read {}: {error}", String::from_utf8_lossy(file)).into_bytes();
                false
            }
        }
    });
    let loaded = if is_read {
        let mut is_loaded = false;
        lua.lend(scratch, |source| is_loaded = load_as_scratch_name(lua, skip_hash_line(source)));
        is_loaded
    } else {
        push_scratch(lua);
        false
    };
    if !loaded {
        // Production raises this from a loader, whose caller has no line: no place stands in front.
        let reason = lua.to_c_bytes(-1).unwrap_or_default();
        let text = [&b"error loading module '"[..], name, b"' from file '", file, b"':\n\t", reason];
        lua.check_stack(text.len() as c_int, c"error text");
        for part in text {
            lua.push_bytes(part);
        }
        lua.concat(text.len() as c_int);
        lua.throw();
    }
}

/// Compiles a module of ours that is a script and leaves the function on top. Its errors name the file where the Lua path
/// would have it first.
pub fn load_embedded(lua: Lua<'_>, name: &str, source: &str) {
    lua.work(|context| {
        let host = super::host::of_context(context);
        let path = host.path.as_deref().unwrap_or_default();
        let template = path.split(|&it| it == b';').find(|it| !it.is_empty()).unwrap_or(b"?.lua");
        let mut chunk = b"@".to_vec();
        for &byte in template {
            if byte == b'?' { chunk.extend_from_slice(name.as_bytes()) } else { chunk.push(byte) }
        }
        chunk.push(0);
        host.scratch_name = chunk;
    });
    if !load_as_scratch_name(lua, source.as_bytes()) {
        lua.throw();
    }
}

/// The host's text on its way to Lua.
fn scratch(context: &mut Context) -> &mut Vec<u8> {
    &mut super::host::of_context(context).scratch
}

/// Compiles `source` as the chunk that the scratch name says; as [`Lua::load`]. Compiling runs finalizers too.
fn load_as_scratch_name(lua: Lua<'_>, source: &[u8]) -> bool {
    let mut is_loaded = false;
    lua.lend(
        |context| &mut super::host::of_context(context).scratch_name,
        |name| is_loaded = lua.load(source, CStr::from_bytes_until_nul(name).unwrap_or_default()),
    );
    is_loaded
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
