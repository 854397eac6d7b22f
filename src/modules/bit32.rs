//! `bit32`: Lua 5.2's library of that name for Lua 5.1 (lua-compat-5.2 0.3), on unsigned 32-bit numbers.
//!
//! Unlike `bit` it sets no global: scripts use what `require` returns. Where C leaves open which argument is looked at
//! first, production's compiler takes the last; error texts show it.

use std::ffi::{CStr, c_int};

use super::bit::low_bits;
use crate::{
    sandbox::{Kind, NativeModule},
    vm::{HostFn, Lua, Type, host_call},
};

/// The module.
pub const MODULE: NativeModule =
    NativeModule { name: "bit32", open, io_only: false, version: "0.3.0", kind: Kind::BuiltIn };

const BITS: i64 = 32;

const FUNCTIONS: [(&CStr, HostFn); 12] = [
    (c"arshift", arshift),
    (c"band", band),
    (c"bnot", bnot),
    (c"bor", bor),
    (c"bxor", bxor),
    (c"btest", btest),
    (c"extract", extract),
    (c"lrotate", lrotate),
    (c"lshift", lshift),
    (c"replace", replace),
    (c"rrotate", rrotate),
    (c"rshift", rshift),
];

host_call! {
    /// Leaves the module's table on the stack.
    fn open(lua) {
        lua.new_table(0, 0);
        lua.register(None, &FUNCTIONS);
        1
    }
}

#[inline]
fn check_bits(lua: Lua<'_>, n: c_int) -> u32 {
    let number = lua.to_number(n);
    if number == 0.0 && !lua.is_number(n) {
        lua.check_type(n, Type::Number);
    }
    low_bits(number)
}

fn push(lua: Lua<'_>, bits: u32) -> c_int {
    lua.push_number(f64::from(bits));
    1
}

#[inline]
fn join(lua: Lua<'_>, start: u32, operation: fn(u32, u32) -> u32) -> u32 {
    (1..=lua.top()).fold(start, |bits, n| operation(bits, check_bits(lua, n)))
}

host_call! {
    fn band(lua) { push(lua, join(lua, u32::MAX, |a, b| a & b)) }
}
host_call! {
    fn btest(lua) {
        lua.push_boolean(join(lua, u32::MAX, |a, b| a & b) != 0);
        1
    }
}
host_call! {
    fn bor(lua) { push(lua, join(lua, 0, |a, b| a | b)) }
}
host_call! {
    fn bxor(lua) { push(lua, join(lua, 0, |a, b| a ^ b)) }
}
host_call! {
    fn bnot(lua) { push(lua, !check_bits(lua, 1)) }
}

/// To the left, to the right where `by` is negative; nothing is left of 32 places and more.
fn shifted(bits: u32, by: i64) -> u32 {
    match by {
        0..BITS => bits << by,
        _ if by < 0 && by > -BITS => bits >> -by,
        _ => 0,
    }
}

host_call! {
    fn lshift(lua) {
        let by = lua.check_integer(2);
        push(lua, shifted(check_bits(lua, 1), by))
    }
}
host_call! {
    fn rshift(lua) {
        let by = lua.check_integer(2);
        push(lua, shifted(check_bits(lua, 1), by.saturating_neg()))
    }
}
host_call! {
    fn arshift(lua) {
        let bits = check_bits(lua, 1);
        let by = lua.check_integer(2);
        if by < 0 || bits >> 31 == 0 {
            return push(lua, shifted(bits, by.saturating_neg()));
        }
        push(lua, (bits as i32 >> by.min(BITS - 1)) as u32)
    }
}
host_call! {
    fn lrotate(lua) {
        let by = lua.check_integer(2);
        push(lua, check_bits(lua, 1).rotate_left((by & (BITS - 1)) as u32))
    }
}
host_call! {
    fn rrotate(lua) {
        let by = lua.check_integer(2);
        push(lua, check_bits(lua, 1).rotate_right((by & (BITS - 1)) as u32))
    }
}

/// A field's place, from argument `n`, and its bits as ones at place 0, from the next argument.
fn check_field(lua: Lua<'_>, n: c_int) -> (u32, u32) {
    let (place, width) = (lua.check_integer(n), lua.opt_integer(n + 1, 1));
    if place < 0 {
        lua.arg_error(n, c"field cannot be negative");
    }
    if width <= 0 {
        lua.arg_error(n + 1, c"width must be positive");
    }
    if place.wrapping_add(width) > BITS {
        lua.raise(format_args!("trying to access non-existent bits"));
    }
    // A sum that wraps around passes: what is used of both are the bits the processor's shifts see.
    let width = width as u32;
    (place as u32 & 31, !((u32::MAX << 1) << (width.wrapping_sub(1) & 31)))
}

host_call! {
    fn extract(lua) {
        let bits = check_bits(lua, 1);
        let (place, mask) = check_field(lua, 2);
        push(lua, bits >> place & mask)
    }
}
host_call! {
    fn replace(lua) {
        let (bits, value) = (check_bits(lua, 1), check_bits(lua, 2));
        let (place, mask) = check_field(lua, 3);
        push(lua, bits & !(mask << place) | (value & mask) << place)
    }
}
