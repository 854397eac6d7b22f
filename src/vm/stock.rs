//! The C functions of PUC Lua's own libraries, by name.
//!
//! The stock `luaopen_*` functions cannot be used as they are: production splits `coroutine` off the base library,
//! adds functions to `math`, and sets names in an order that `pairs` and state files show. So each library is put
//! together here, function by function, in production's order; most of the functions are the vendored ones, which are
//! read once from a throwaway state.
#![allow(unsafe_code)]

use std::{
    collections::HashMap,
    ffi::{CStr, CString, c_int},
    sync::OnceLock,
};

use mlua::ffi;

use super::lua::HostFn;

static FUNCTIONS: OnceLock<HashMap<String, HostFn>> = OnceLock::new();

/// The vendored function `path`, for example `math.sin`, `print` or `ipairs.1` for an upvalue.
///
/// # Panics
///
/// If the vendored Lua has no such function: a mistake in a library table of this module's callers.
pub(super) fn function(path: &str) -> HostFn {
    let functions = FUNCTIONS.get_or_init(collect);
    *functions.get(path).unwrap_or_else(|| panic!("the vendored Lua has no function {path}"))
}

fn collect() -> HashMap<String, HostFn> {
    let mut res = HashMap::new();
    // SAFETY: a private state with the stock libraries, walked and closed here; nothing raises, because every key is
    // a string and the state's memory is unbounded.
    unsafe {
        let state = ffi::luaL_newstate();
        assert!(!state.is_null(), "no memory for a Lua state");
        ffi::luaL_openlibs(state);
        collect_from(state, ffi::LUA_GLOBALSINDEX, "", &mut res);
        for library in ["string", "table", "math", "os", "io", "coroutine", "package"] {
            let name = CString::new(library).unwrap_or_default();
            ffi::lua_getfield_(state, ffi::LUA_GLOBALSINDEX, name.as_ptr());
            let at = ffi::lua_gettop(state);
            collect_from(state, at, &format!("{library}."), &mut res);
            ffi::lua_settop(state, -2);
        }
        ffi::lua_close(state);
    }
    res
}

unsafe fn collect_from(
    state: *mut ffi::lua_State,
    table: c_int,
    prefix: &str,
    to: &mut HashMap<String, HostFn>,
) {
    // SAFETY: see `collect`.
    unsafe {
        ffi::lua_pushnil(state);
        while ffi::lua_next(state, table) != 0 {
            if let Some(function) = ffi::lua_tocfunction(state, -1)
                && ffi::lua_type(state, -2) == ffi::LUA_TSTRING
            {
                let name = CStr::from_ptr(ffi::lua_tostring(state, -2)).to_string_lossy().into_owned();
                for n in 1.. {
                    if ffi::lua_getupvalue(state, -1, n).is_null() {
                        break;
                    }
                    if let Some(inner) = ffi::lua_tocfunction(state, -1) {
                        to.insert(format!("{prefix}{name}.{n}"), inner);
                    }
                    ffi::lua_settop(state, -2);
                }
                to.insert(format!("{prefix}{name}"), function);
            }
            ffi::lua_settop(state, -2);
        }
    }
}
