//! `bit`: `BitOp` 1.0.2, operations on the low 32 bits of numbers, with signed results.
//!
//! A number's bits are found by adding 2^52 + 2^51, after which the low half of the double holds the number rounded to
//! an integer: half to even, modulo 2^32, and anything for numbers beyond 2^51. Scripts see those bits, so they are
//! found in the same way here.

use std::ffi::{CStr, c_int};

use crate::{
    sandbox::{Kind, NativeModule},
    vm::{Doom, HostFn, Lua, host_call},
};

/// The module.
pub const MODULE: NativeModule =
    NativeModule { name: "bit", open, io_only: false, version: "1.0.2", kind: Kind::BuiltIn };

const FUNCTIONS: [(&CStr, HostFn); 12] = [
    (c"tobit", tobit),
    (c"bnot", bnot),
    (c"band", band),
    (c"bor", bor),
    (c"bxor", bxor),
    (c"lshift", lshift),
    (c"rshift", rshift),
    (c"arshift", arshift),
    (c"rol", rol),
    (c"ror", ror),
    (c"bswap", bswap),
    (c"tohex", tohex),
];

host_call! {
    /// Leaves the module's table on the stack, which is the global `bit` too.
    fn open(lua) {
        lua.register(Some(c"bit"), &FUNCTIONS);
        1
    }
}

/// The low 32 bits of a number rounded to an integer.
#[inline]
pub(super) fn low_bits(number: f64) -> u32 {
    const SHIFT: f64 = 6_755_399_441_055_744.0;
    (number + SHIFT).to_bits() as u32
}

#[inline]
fn check_bits(lua: Lua<'_>, n: c_int) -> u32 {
    let bits = low_bits(lua.to_number(n));
    if bits == 0 && !lua.is_number(n) {
        lua.type_error(n, c"number");
    }
    bits
}

fn push(lua: Lua<'_>, bits: u32) -> c_int {
    lua.push_number(f64::from(bits as i32));
    1
}

/// All arguments joined, the last one first after the first.
#[inline]
fn join(lua: Lua<'_>, operation: fn(u32, u32) -> u32) -> c_int {
    let first = check_bits(lua, 1);
    push(lua, (2..=lua.top()).rev().fold(first, |bits, n| operation(bits, check_bits(lua, n))))
}

/// The first argument moved by the low five bits of the second.
#[inline]
fn shift(lua: Lua<'_>, operation: fn(u32, u32) -> u32) -> c_int {
    let bits = check_bits(lua, 1);
    push(lua, operation(bits, check_bits(lua, 2) & 31))
}

host_call! {
    fn tobit(lua) { push(lua, check_bits(lua, 1)) }
}
host_call! {
    fn bnot(lua) { push(lua, !check_bits(lua, 1)) }
}
host_call! {
    fn band(lua) { join(lua, |a, b| a & b) }
}
host_call! {
    fn bor(lua) { join(lua, |a, b| a | b) }
}
host_call! {
    fn bxor(lua) { join(lua, |a, b| a ^ b) }
}
host_call! {
    fn lshift(lua) { shift(lua, |bits, n| bits << n) }
}
host_call! {
    fn rshift(lua) { shift(lua, |bits, n| bits >> n) }
}
host_call! {
    fn arshift(lua) { shift(lua, |bits, n| (bits as i32 >> n) as u32) }
}
host_call! {
    fn rol(lua) { shift(lua, u32::rotate_left) }
}
host_call! {
    fn ror(lua) { shift(lua, u32::rotate_right) }
}
host_call! {
    fn bswap(lua) { push(lua, check_bits(lua, 1).swap_bytes()) }
}

host_call! {
    /// The last digits, in capitals where their number is negative.
    fn tohex(lua) {
        let mut bits = check_bits(lua, 1);
        let count = if lua.top() < 2 { 8 } else { check_bits(lua, 2) as i32 };
        let digits = if count < 0 { b"0123456789ABCDEF" } else { b"0123456789abcdef" };
        let mut text = [0; 8];
        if count == i32::MIN {
            // Has no opposite, so production takes it for the length of the text.
            lua.doom_for(Doom::Assertion("bit.tohex reads outside its text"));
        }
        let count = (count.unsigned_abs() as usize).min(text.len());
        for to in text[..count].iter_mut().rev() {
            *to = digits[bits as usize & 15];
            bits >>= 4;
        }
        lua.push_bytes(&text[..count]);
        1
    }
}
