//! Mirrors of a few of PUC Lua 5.1's structures, and the proof at start-up that they fit.
//!
//! Production patched Lua to tell how many instructions of a hook's count are left and whether a table has an array
//! or a node part. The vendored Lua has no such functions, but both answers stand in memory at fixed places. So do the
//! arguments of a host call: reading a number or recognising a module's own userdata there costs a few instructions
//! where the C API takes hundreds, and a filter does it for every message. mlua is pinned to one version;
//! [`self_test`] runs once per process and refuses to go on if the places have moved.
#![allow(unsafe_code)]

use std::{
    ffi::{c_int, c_void},
    ptr, slice,
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
    top: *const ValueMirror,
    base: *const ValueMirror,
    global: *mut c_void,
    ci: *const CallMirror,
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

/// `TValue` (`lobject.h`): what a number or a userdata looks like on the stack.
#[repr(C)]
struct ValueMirror {
    value: ValueBits,
    tt: c_int,
}

#[repr(C)]
#[derive(Clone, Copy)]
union ValueBits {
    number: f64,
    object: *mut c_void,
}

/// The start of `CallInfo` (`lstate.h`).
#[repr(C)]
struct CallMirror {
    base: *mut c_void,
    func: *const ValueMirror,
}

/// The start of `CClosure` (`lobject.h`), up to its environment.
#[repr(C)]
struct ClosureMirror {
    next: *mut c_void,
    tt: u8,
    marked: u8,
    is_c: u8,
    nupvalues: u8,
    gclist: *mut c_void,
    env: *const c_void,
}

/// `Udata` (`lobject.h`); the block that scripts' modules see stands behind it.
#[repr(C)]
struct UserdataMirror {
    next: *mut c_void,
    tt: u8,
    marked: u8,
    metatable: *mut c_void,
    env: *const c_void,
    len: usize,
}

/// `TString` (`lobject.h`); the bytes stand behind it.
#[repr(C)]
struct StringMirror {
    next: *mut c_void,
    tt: u8,
    marked: u8,
    reserved: u8,
    hash: u32,
    len: usize,
}

/// The address of Lua's one shared empty node, learned from a fresh table.
static DUMMY_NODE: OnceLock<usize> = OnceLock::new();

/// Instructions left until the count hook fires.
pub(super) fn hook_count(state: *mut ffi::lua_State) -> c_int {
    // SAFETY: the state is live and `self_test` has proved the layout before any VM exists.
    unsafe { (*state.cast::<StateMirror>()).hookcount }
}

/// Lets hooks fire again from inside a hook that is about to raise: Lua does so only once the error is caught, and until
/// then an `xpcall` handler runs without any limit.
pub(super) fn allow_hooks(state: *mut ffi::lua_State) {
    // SAFETY: as above.
    unsafe { (*state.cast::<StateMirror>()).allowhook = 1 }
}

/// Number of values on the running host function's stack.
#[inline]
pub(super) fn top(state: *mut ffi::lua_State) -> c_int {
    // SAFETY: as above; both point into the same stack.
    unsafe {
        let mirror = state.cast::<StateMirror>();
        (*mirror).top.offset_from((*mirror).base) as c_int
    }
}

/// The value at index `n`, from 1, of the running host function's stack.
#[inline]
fn argument<'a>(state: *mut ffi::lua_State, n: c_int) -> Option<&'a ValueMirror> {
    if n <= 0 {
        return None;
    }
    // SAFETY: as above; the values from `base` up to `top` are initialised.
    unsafe {
        let mirror = state.cast::<StateMirror>();
        let value = (*mirror).base.wrapping_add(n as usize - 1);
        if value < (*mirror).top { Some(&*value) } else { None }
    }
}

/// The number at index `n`; strings are not converted.
#[inline]
pub(super) fn number_argument(state: *mut ffi::lua_State, n: c_int) -> Option<f64> {
    let value = argument(state, n)?;
    if value.tt != ffi::LUA_TNUMBER {
        return None;
    }
    // SAFETY: the type says that the number is the live part of the union.
    Some(unsafe { value.value.number })
}

/// The string at index `n`; numbers are not converted. The bytes live as long as the string is on the stack.
#[inline]
pub(super) fn string_argument<'a>(state: *mut ffi::lua_State, n: c_int) -> Option<&'a [u8]> {
    let value = argument(state, n)?;
    if value.tt != ffi::LUA_TSTRING {
        return None;
    }
    // SAFETY: the type says what the pointer leads to, and the bytes stand behind the header.
    unsafe {
        let string = value.value.object.cast::<StringMirror>();
        Some(slice::from_raw_parts(string.add(1).cast(), (*string).len))
    }
}

/// The raw type tag of the value at index `n`, from 1.
#[inline]
pub(super) fn argument_type(state: *mut ffi::lua_State, n: c_int) -> Option<c_int> {
    argument(state, n).map(|it| it.tt)
}

/// The userdata at index `n` if it was made by a function with the running host function's environment, else null.
#[inline]
pub(super) fn own_userdata(state: *mut ffi::lua_State, n: c_int) -> *mut c_void {
    match argument(state, n) {
        // SAFETY: the types say what the pointers lead to: a userdata, and the running function's closure, which is a
        // host function because it is one of ours that asks.
        Some(value) if value.tt == ffi::LUA_TUSERDATA => unsafe {
            let userdata = value.value.object.cast::<UserdataMirror>();
            let closure = (*(*(*state.cast::<StateMirror>()).ci).func).value.object.cast::<ClosureMirror>();
            if (*userdata).env == (*closure).env { userdata.add(1).cast() } else { ptr::null_mut() }
        },
        _ => ptr::null_mut(),
    }
}

/// The userdata at index `n` and its size if its metatable is the running host function's environment, else `None`.
#[inline]
pub(super) fn class_userdata(state: *mut ffi::lua_State, n: c_int) -> Option<(*mut c_void, usize)> {
    let value = argument(state, n)?;
    if value.tt != ffi::LUA_TUSERDATA {
        return None;
    }
    // SAFETY: as in `own_userdata`.
    unsafe {
        let userdata = value.value.object.cast::<UserdataMirror>();
        let closure = (*(*(*state.cast::<StateMirror>()).ci).func).value.object.cast::<ClosureMirror>();
        ptr::eq((*userdata).metatable, (*closure).env).then(|| (userdata.add(1).cast(), (*userdata).len))
    }
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

/// Checks the mirrors against a throwaway state; panics with an explanation if they do not fit.
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
                && mirror.hookmask == ffi::LUA_MASKCOUNT as u8
                && mirror.allowhook == 1
                && mirror.basehookcount == 12_345
                && mirror.hookcount == 12_345
                && ptr::eq(mirror.hook, count_hook as *const c_void)
                && arguments_fit(state);
            ffi::lua_close(state);
            assert!(fits, "the linked Lua is not the PUC 5.1.5 this build was made for");
        }
    });
}

unsafe extern "C-unwind" fn count_hook(_: *mut ffi::lua_State, _: *mut ffi::lua_Debug) {}

/// Checks the mirrors behind arguments, which needs a host call.
unsafe fn arguments_fit(state: *mut ffi::lua_State) -> bool {
    // SAFETY: the caller's private state.
    unsafe {
        ffi::lua_sethook(state, None, 0, 0);
        ffi::lua_pushcclosure(state, probe, 0);
        ffi::lua_pushnumber(state, 12.5);
        ffi::lua_newuserdata(state, 24);
        ffi::lua_pushlstring_(state, b"a\0text".as_ptr().cast(), 6);
        ffi::lua_pcall(state, 3, 1, 0) == 0 && ffi::lua_toboolean(state, -1) != 0
    }
}

/// Looks at its arguments (a number, a userdata of others, a string) and at a userdata of its own.
unsafe extern "C-unwind" fn probe(state: *mut ffi::lua_State) -> c_int {
    // SAFETY: the running call's state.
    unsafe {
        let fits = top(state) == 3
            && string_argument(state, 3) == Some(&b"a\0text"[..])
            && string_argument(state, 2).is_none()
            && argument_type(state, 2) == Some(ffi::LUA_TUSERDATA)
            && argument_type(state, 4).is_none()
            && number_argument(state, 1) == Some(12.5)
            && number_argument(state, 2).is_none()
            && number_argument(state, 3).is_none()
            && !own_userdata(state, 2).is_null();
        ffi::lua_createtable(state, 0, 0);
        ffi::lua_replace(state, ffi::LUA_ENVIRONINDEX);
        let own = ffi::lua_newuserdata(state, 24);
        ffi::lua_pushlightuserdata(state, own);
        let no_class_yet = class_userdata(state, 4).is_none();
        ffi::lua_pushvalue(state, ffi::LUA_ENVIRONINDEX);
        ffi::lua_setmetatable(state, 4);
        let fits = fits
            && no_class_yet
            && class_userdata(state, 2).is_none()
            && class_userdata(state, 4) == Some((own, 24))
            && class_userdata(state, 5).is_none()
            && top(state) == 5
            && own_userdata(state, 1).is_null()
            && own_userdata(state, 2).is_null()
            && own_userdata(state, 4) == own
            && own_userdata(state, 5).is_null()
            && own_userdata(state, 6).is_null();
        ffi::lua_pushboolean(state, c_int::from(fits));
        1
    }
}
