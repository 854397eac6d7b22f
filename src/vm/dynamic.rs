//! Loading C modules for Lua 5.1 into the process, as production's `package` library does (`lua_sandbox`
//! `src/lua/loadlib.c`).
//!
//! Whoever allows this leaves what the rest of `vm` promises: native code can write anywhere, keeps memory that no
//! image holds, and answers to no limit. So nothing here is reached unless the user asked for it by name of a flag.
//!
//! A module finds Lua's functions, and those production adds, in the program itself: `build.rs` tells the linker to
//! export them, and [`is_supported`] looks whether it did. A library stays loaded as long as the process: its code may
//! be in use by any VM, and an address of it in an image must not go stale.
#![allow(unsafe_code)]

use std::{
    ffi::{CStr, CString, OsStr, c_int, c_void},
    os::unix::ffi::OsStrExt as _,
    sync::OnceLock,
};

use libloading::os::unix::{Library, RTLD_NOW};
use mlua::ffi;

use super::{
    layout,
    lua::{HostFn, TableType},
};

/// Why a function of a shared library could not be had.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LoadError {
    /// The program was linked without its own functions being visible to libraries.
    #[error(
        "this build of cepshim does not export Lua's functions to shared libraries; build it on Linux with GNU ld \
         or lld"
    )]
    Unsupported,
    /// The system's words about the library.
    #[error("{0}")]
    Library(String),
    /// The system's words about the function.
    #[error("{0}")]
    Function(String),
}

/// The function `name` of the library in `file`, as a Lua function. The library is loaded if it is not yet.
///
/// Runs the library's constructors. What the library is, is the user's word: see the top of this file.
pub fn load(file: &[u8], name: &CStr) -> Result<HostFn, LoadError> {
    if !is_supported() {
        return Err(LoadError::Unsupported);
    }
    // SAFETY: nothing is known of the library; that it may run here is what the user allowed.
    let library = unsafe { Library::open(Some(OsStr::from_bytes(file)), RTLD_NOW) };
    let library = library.map_err(|it| LoadError::Library(words(&it)))?;
    // SAFETY: a function of that name is by Lua's convention a `lua_CFunction`.
    let function = unsafe { library.get::<HostFn>(name) }.map(|it| *it);
    // Never closed. The system counts; loading a library again costs a look-up.
    std::mem::forget(library);
    function.map_err(|it| LoadError::Function(words(&it)))
}

/// What the system said, without the crate's own words around it.
fn words(error: &libloading::Error) -> String {
    use std::error::Error as _;
    error.source().map_or_else(|| error.to_string(), ToString::to_string)
}

/// Whether shared libraries find this program's Lua.
pub fn is_supported() -> bool {
    static SUPPORTED: OnceLock<bool> = OnceLock::new();
    *SUPPORTED.get_or_init(|| {
        let program = Library::this();
        // A function of the same name in some other library would be another Lua.
        let is_ours = |name: &CStr, address: usize| {
            // SAFETY: only the symbol's address is looked at.
            unsafe { program.get::<*const c_void>(name) }.is_ok_and(|it| it.as_raw_ptr() as usize == address)
        };
        is_ours(c"lua_newuserdata", ffi::lua_newuserdata as *const () as usize)
            && is_ours(c"luaL_checkudata", ffi::luaL_checkudata as *const () as usize)
            && is_ours(c"lua_tabletype", lua_tabletype as *const () as usize)
    })
}

/// Whether the function stands in a shared library instead of this program.
pub fn is_foreign(function: HostFn) -> bool {
    static OWN: OnceLock<usize> = OnceLock::new();
    let own = *OWN.get_or_init(|| base(is_supported as *const () as usize));
    base(function as usize) != own
}

/// Where the file that holds this address begins in memory.
fn base(address: usize) -> usize {
    // SAFETY: any address may be asked about; the structure is filled in if the answer is not 0.
    unsafe {
        let mut info: libc::Dl_info = std::mem::zeroed();
        if libc::dladdr(address as *const c_void, &raw mut info) == 0 { 0 } else { info.dli_fbase as usize }
    }
}

// ── what production's Lua has beyond 5.1 ──

/// Which parts of the table at `index` are allocated, in production's numbers (`lua.h`).
///
/// # Safety
///
/// `state` is a live state of a VM of ours with a table at `index`.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn lua_tabletype(state: *mut ffi::lua_State, index: c_int) -> c_int {
    // SAFETY: the caller's promise.
    match layout::table_type(unsafe { ffi::lua_topointer(state, index) }) {
        TableType::Empty => 0,
        TableType::Array => 1,
        TableType::Hash => 2,
        TableType::Mixed => 3,
    }
}

/// Instructions until the count hook fires.
///
/// # Safety
///
/// `state` is a live state of a VM of ours.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn lua_gethookcountremaining(state: *mut ffi::lua_State) -> c_int {
    layout::hook_count(state)
}

/// The name of a module's opening function: `luaopen_` and the module's name, of which only the part behind a hyphen
/// counts, with `_` for each dot.
pub fn open_function(module: &[u8]) -> CString {
    let name = memchr::memchr(b'-', module).map_or(module, |at| &module[at + 1..]);
    let name: Vec<u8> = name.iter().map(|&it| if it == b'.' { b'_' } else { it }).collect();
    // Without a NUL, as names come from `require`, which sees them as C strings.
    CString::new([b"luaopen_", &name[..]].concat()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opening_functions_are_named_as_in_lua_5_1() {
        for (module, expected) in [
            ("cjson", c"luaopen_cjson"),
            ("socket.core", c"luaopen_socket_core"),
            ("v2-a.b", c"luaopen_a_b"),
            ("a-b-c", c"luaopen_b-c"),
        ] {
            assert_eq!(open_function(module.as_bytes()).as_c_str(), expected);
        }
    }

    #[test]
    fn our_functions_are_ours() {
        use std::ffi::c_char;

        unsafe extern "C-unwind" fn own(_: *mut ffi::lua_State) -> c_int {
            0
        }
        assert!(!is_foreign(own));
        let foreign: unsafe extern "C" fn(*const c_char) -> usize = libc::strlen;
        // SAFETY: the function is never called, only its address is looked at.
        let foreign =
            unsafe { std::mem::transmute::<unsafe extern "C" fn(*const c_char) -> usize, HostFn>(foreign) };
        assert_eq!(is_foreign(foreign), cfg!(not(target_feature = "crt-static")));
    }
}
