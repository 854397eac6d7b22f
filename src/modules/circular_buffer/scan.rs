//! Reading numbers out of preserved text with C's own functions: what they take for a number, and what they leave
//! unread, decides what a state restores to.
#![allow(unsafe_code)]

use std::{
    ffi::{CStr, c_char},
    marker::PhantomData,
    ptr,
};

/// A place in a C string.
pub struct Scanner<'a> {
    at: *const c_char,
    life: PhantomData<&'a CStr>,
}

impl<'a> Scanner<'a> {
    /// At the start of `text`.
    pub fn new(text: &'a CStr) -> Scanner<'a> {
        Scanner { at: text.as_ptr(), life: PhantomData }
    }

    /// A whole number (`strtoll`): clamped to 64 bits, 0 without moving if there is none.
    pub fn signed(&mut self) -> i64 {
        let mut end = ptr::null_mut();
        // SAFETY: `at` stays inside the C string; `end` is written.
        let res = unsafe { libc::strtoll(self.at, &raw mut end, 10) };
        self.at = end;
        res
    }

    /// A whole number (`strtoul`), of which a minus sign is the complement.
    pub fn unsigned(&mut self) -> u64 {
        let mut end = ptr::null_mut();
        // SAFETY: as above.
        let res = unsafe { libc::strtoul(self.at, &raw mut end, 10) };
        self.at = end;
        res
    }

    /// A number (`strtod`: also hexadecimal, `inf` and `nan`), `None` at the end or before anything else.
    pub fn number(&mut self) -> Option<f64> {
        let mut end = ptr::null_mut();
        // SAFETY: as above.
        let res = unsafe { libc::strtod(self.at, &raw mut end) };
        let is_read = !ptr::eq(self.at, end);
        self.at = end;
        is_read.then_some(res)
    }
}

#[cfg(test)]
mod tests {
    use super::Scanner;

    #[test]
    fn numbers_are_those_of_c() {
        let mut scanner = Scanner::new(c" -5\t-1 0x10 infinity -inf nan(12) .5\n-.5e3 1x");
        assert_eq!(scanner.signed(), -5);
        assert_eq!(scanner.unsigned(), u64::MAX);
        let numbers: Vec<f64> = std::iter::from_fn(|| scanner.number()).collect();
        assert_eq!(numbers[..3], [16.0, f64::INFINITY, f64::NEG_INFINITY]);
        assert!(numbers[3].is_nan());
        assert_eq!(numbers[4..], [0.5, -500.0, 1.0]);
        assert_eq!(scanner.number(), None);
    }

    #[test]
    fn nothing_is_read_of_other_text() {
        for text in [c"", c"  ", c"x", c" -"] {
            let mut scanner = Scanner::new(text);
            assert_eq!((scanner.signed(), scanner.unsigned(), scanner.number()), (0, 0, None), "{text:?}");
        }
    }
}
