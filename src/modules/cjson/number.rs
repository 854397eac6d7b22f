//! Numbers in JSON text, as the C library's `strtod` reads them, because that is what production calls.
//!
//! Most numbers are short and decimal: these are read in one pass and are exact by construction. Longer ones go to
//! Rust's parser, which rounds correctly as glibc does. What is no decimal number at all (`0x1p3`, `-inf`, `nan(1)`)
//! is left to the C library itself.
#![allow(unsafe_code)]

use std::{
    ffi::{CString, c_char},
    ptr,
};

use super::decode::byte_at;
use crate::vm::Lua;

/// Powers of ten that are exact doubles.
const EXACT_POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18,
    1e19, 1e20, 1e21, 1e22,
];
/// So many digits always fit 64 bits.
const MAX_DIGITS: usize = 19;
/// Integers up to here are exact doubles.
const MAX_EXACT: u64 = 1 << 53;

/// The number at `start` and where it ends, `None` where `strtod` finds none. `start` holds a digit, a sign or the
/// first letter of `inf` or `nan`.
#[inline]
pub fn read(lua: Lua<'_>, text: &[u8], start: usize) -> Option<(f64, usize)> {
    let is_negative = byte_at(text, start) == b'-';
    let first = start + usize::from(is_negative);
    let mut at = first;
    let mut mantissa = 0_u64;
    loop {
        let digit = byte_at(text, at).wrapping_sub(b'0');
        if digit > 9 {
            break;
        }
        mantissa = mantissa.wrapping_mul(10).wrapping_add(u64::from(digit));
        at += 1;
    }
    let digits = at - first;
    // Nothing that could go on a number: a point, an exponent, the `x` behind a leading zero.
    if (1..=MAX_DIGITS).contains(&digits) && !matches!(byte_at(text, at), b'.' | b'e' | b'E' | b'x' | b'X') {
        let value = mantissa as f64;
        return Some((if is_negative { -value } else { value }, at));
    }
    read_long(lua, text, start)
}

/// As [`read`], for numbers of every form.
#[cold]
#[inline(never)]
fn read_long(lua: Lua<'_>, text: &[u8], start: usize) -> Option<(f64, usize)> {
    let is_negative = byte_at(text, start) == b'-';
    let first = start + usize::from(matches!(byte_at(text, start), b'-' | b'+'));
    let is_hex = byte_at(text, first) == b'0' && byte_at(text, first + 1) | 0x20 == b'x';
    if is_hex || byte_at(text, first).is_ascii_alphabetic() {
        return lua.work(|_| read_special(text, start));
    }
    let mut mantissa = 0_u64;
    let mut digits = 0;
    let mut decimals = 0;
    let mut at = first;
    let mut has_point = false;
    loop {
        let byte = byte_at(text, at);
        if byte.is_ascii_digit() {
            mantissa = mantissa.wrapping_mul(10).wrapping_add(u64::from(byte - b'0'));
            digits += 1;
            decimals += usize::from(has_point);
        } else if byte == b'.' && !has_point {
            has_point = true;
        } else {
            break;
        }
        at += 1;
    }
    if digits == 0 {
        return None;
    }
    let end = exponent_end(text, at);
    // One exact division is correctly rounded.
    if end == at
        && digits <= MAX_DIGITS
        && mantissa <= MAX_EXACT
        && let Some(power) = EXACT_POWERS.get(decimals)
    {
        let value = mantissa as f64 / power;
        return Some((if is_negative { -value } else { value }, at));
    }
    let text = str::from_utf8(text.get(start..end)?).ok()?;
    Some((text.parse().ok()?, end))
}

/// Where an exponent at `at` ends; `at` itself when there is none.
fn exponent_end(text: &[u8], at: usize) -> usize {
    if byte_at(text, at) | 0x20 != b'e' {
        return at;
    }
    let first = at + 1 + usize::from(matches!(byte_at(text, at + 1), b'-' | b'+'));
    let mut end = first;
    while byte_at(text, end).is_ascii_digit() {
        end += 1;
    }
    if end == first { at } else { end }
}

/// What the C library makes of a number that is not decimal.
fn read_special(text: &[u8], start: usize) -> Option<(f64, usize)> {
    let rest = text.get(start..)?;
    let is_part = |it: &u8| it.is_ascii_alphanumeric() || b"+-._()".contains(it);
    let len = rest.iter().position(|it| !is_part(it)).unwrap_or(rest.len());
    let copy = CString::new(&rest[..len]).ok()?;
    let mut end: *mut c_char = ptr::null_mut();
    // SAFETY: the copy is a C string; `strtod` sets `end` to a position in it.
    let (value, used) = unsafe {
        let value = libc::strtod(copy.as_ptr(), &raw mut end);
        (value, end.offset_from(copy.as_ptr()) as usize)
    };
    (used > 0).then_some((value, start + used))
}

/// Whether strict JSON has no number of this form, as production decides it: the sign `+`, hexadecimal, a leading
/// zero, infinity, not a number.
pub fn is_invalid(text: &[u8], start: usize) -> bool {
    let mut at = start;
    match byte_at(text, at) {
        b'+' => return true,
        b'-' => at += 1,
        _ => {}
    }
    if byte_at(text, at) == b'0' {
        let second = byte_at(text, at + 1);
        return second | 0x20 == b'x' || second.is_ascii_digit();
    }
    text.get(at..at + 3).is_some_and(|it| it.eq_ignore_ascii_case(b"inf") || it.eq_ignore_ascii_case(b"nan"))
}
