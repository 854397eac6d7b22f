//! Mirrors of two of PUC Lua 5.1's structures, and the proof at start-up that they fit.
//!
//! Production patched Lua to tell how many instructions of a hook's count are left and whether a table has an array
//! or a node part. The vendored Lua has no such functions, but both answers stand in memory at fixed places. mlua is
//! pinned to one version; [`self_test`] runs once per process and refuses to go on if the places have moved.
#![allow(unsafe_code)]

use std::{
    ffi::{c_int, c_void},
    sync::OnceLock,
};

use mlua::ffi;

use super::lua::TableType;

/// The start of `lua_State` (`lstate.h`), up to the hook's count.
#[repr(C)]
struct StateMirror {
    next: *mut c_void,
    tt: u8,
    marked: u8,
    status: u8,
    top: *mut c_void,
    base: *mut c_void,
    global: *mut c_void,
    ci: *mut c_void,
    savedpc: *const c_void,
    stack_last: *mut c_void,
    stack: *mut c_void,
    end_ci: *mut c_void,
    base_ci: *mut c_void,
    stacksize: c_int,
    size_ci: c_int,
    n_c_calls: u16,
    base_c_calls: u16,
    hookmask: u8,
    allowhook: u8,
    basehookcount: c_int,
    hookcount: c_int,
    hook: *const c_void,
}

/// `Table` (`lobject.h`).
#[repr(C)]
struct TableMirror {
    next: *mut c_void,
    tt: u8,
    marked: u8,
    flags: u8,
    lsizenode: u8,
    metatable: *mut c_void,
    array: *mut c_void,
    node: *mut c_void,
    lastfree: *mut c_void,
    gclist: *mut c_void,
    sizearray: c_int,
}

/// The address of Lua's one shared empty node, learned from a fresh table.
static DUMMY_NODE: OnceLock<usize> = OnceLock::new();

/// Instructions left until the count hook fires.
pub(super) fn hook_count(state: *mut ffi::lua_State) -> c_int {
    // SAFETY: the state is live and `self_test` has proved the layout before any VM exists.
    unsafe { (*state.cast::<StateMirror>()).hookcount }
}

/// What production's `lua_tabletype` answers for the table at this address.
pub(super) fn table_type(table: *const c_void) -> TableType {
    // SAFETY: callers pass the address of a live table; the layout is proved.
    let table = unsafe { &*table.cast::<TableMirror>() };
    let no_nodes = Some(&(table.node as usize)) == DUMMY_NODE.get();
    match (table.sizearray, no_nodes) {
        (0, true) => TableType::Empty,
        (0, false) => TableType::Hash,
        (_, true) => TableType::Array,
        (_, false) => TableType::Mixed,
    }
}

/// Checks both mirrors against a throwaway state; panics with an explanation if they do not fit.
pub(super) fn self_test() {
    static DONE: OnceLock<()> = OnceLock::new();
    DONE.get_or_init(|| {
        // SAFETY: a private state, used and closed here; every read is of memory Lua has just allocated.
        unsafe {
            let state = ffi::luaL_newstate();
            assert!(!state.is_null(), "no memory for a Lua state");
            ffi::lua_createtable(state, 0, 0);
            let empty = ffi::lua_topointer(state, -1).cast::<TableMirror>();
            let dummy = (*empty).node as usize;
            let _ = DUMMY_NODE.set(dummy);
            ffi::lua_createtable(state, 3, 0);
            let array = ffi::lua_topointer(state, -1);
            ffi::lua_createtable(state, 0, 1);
            let hash = ffi::lua_topointer(state, -1);
            ffi::lua_createtable(state, 2, 4);
            let mixed = ffi::lua_topointer(state, -1);
            ffi::lua_sethook(state, Some(count_hook), ffi::LUA_MASKCOUNT, 12_345);
            let mirror = &*state.cast::<StateMirror>();
            let fits = table_type(empty.cast()) == TableType::Empty
                && table_type(array) == TableType::Array
                && (*array.cast::<TableMirror>()).sizearray == 3
                && table_type(hash) == TableType::Hash
                && table_type(mixed) == TableType::Mixed
                && mirror.basehookcount == 12_345
                && mirror.hookcount == 12_345
                && mirror.hook as usize == count_hook as *const () as usize;
            ffi::lua_close(state);
            assert!(fits, "the linked Lua is not the PUC 5.1.5 this build was made for");
        }
    });
}

unsafe extern "C-unwind" fn count_hook(_: *mut ffi::lua_State, _: *mut ffi::lua_Debug) {}
