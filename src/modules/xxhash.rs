//! `xxhash`: XXH32 and XXH64 of strings and numbers (`lua_sandbox_extensions`, version 0.0.1).
//!
//! Results are numbers, so 64-bit hashes lose their lowest bits. Surplus arguments are ignored.

use std::ffi::CStr;

use xxhash_rust::{xxh32::xxh32, xxh64::xxh64};

use super::sketch::Key;
use crate::{
    sandbox::{Kind, NativeModule},
    vm::{Lua, cformat::c_uint64, host_call},
};

/// The module.
pub const MODULE: NativeModule =
    NativeModule { name: "xxhash", open, io_only: false, version: "0.0.1", kind: Kind::BuiltIn };

host_call! {
    /// Leaves the module's table on the stack, which is the global of its name too.
    fn open(lua) {
        lua.register(Some(c"xxhash"), &[(c"h32", h32), (c"h64", h64)]);
        1
    }
}

host_call! {
    fn h32(lua) {
        let item = check_item(lua);
        let seed = check_seed(lua, f64::from(u32::MAX), c"seed must be an unsigned int");
        lua.push_number(xxh32(item.bytes(), seed as u32).into());
        1
    }
}

host_call! {
    /// The largest seed that passes is 2^64, which C makes 0.
    fn h64(lua) {
        let item = check_item(lua);
        let seed = check_seed(lua, u64::MAX as f64, c"seed must be an unsigned long long");
        lua.push_number(xxh64(item.bytes(), seed) as f64);
        1
    }
}

/// What is hashed, at argument 1.
fn check_item(lua: Lua<'_>) -> Key<'_> {
    match Key::at(lua, 1) {
        Some(item) => item,
        None => lua.type_error(1, c"string or number"),
    }
}

/// The seed at argument 2, which may be missing.
fn check_seed(lua: Lua<'_>, max: f64, error: &CStr) -> u64 {
    let seed = lua.opt_number(2, 0.0);
    if !(0.0..=max).contains(&seed) {
        lua.arg_error(2, error);
    }
    c_uint64(seed)
}
