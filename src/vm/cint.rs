//! Doubles cut to integers as x86-64 does it, where Rust's `as` saturates: scripts pass any number as an index, a time or
//! a count, and the outcome is production's. In a file of its own because the one instruction it takes needs `unsafe`.
#![allow(unsafe_code)]

/// C's `(int64_t)d`: out of range and nan are the smallest value (`lua_tointeger`, `time_t`).
#[inline]
pub fn c_int64(value: f64) -> i64 {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: SSE2 is part of x86-64.
    unsafe {
        use std::arch::x86_64::{_mm_cvttsd_si64, _mm_set_sd};
        _mm_cvttsd_si64(_mm_set_sd(value))
    }
    #[cfg(not(target_arch = "x86_64"))]
    cut(value)
}

/// What the instruction does.
#[cfg(any(test, not(target_arch = "x86_64")))]
fn cut(value: f64) -> i64 {
    if (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&value) {
        value as i64
    } else {
        i64::MIN
    }
}

/// C's `(uint64_t)d`, as compilers make it from the signed conversion: numbers from 2^63 on lose it first, so that 2^64 and
/// more are 0, while numbers below 0 wrap and nan is 2^63.
#[inline]
pub fn c_uint64(value: f64) -> u64 {
    const HALF: f64 = 9_223_372_036_854_775_808.0;
    if value >= HALF { c_int64(value - HALF) as u64 ^ 1 << 63 } else { c_int64(value) as u64 }
}

/// `luaL_checkint` of a number: through 64 bits, so that 2^32 + 1 is 1 and nan is 0.
#[inline]
pub fn c_int(value: f64) -> i32 {
    c_int64(value) as i32
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn conversions_to_int_are_those_of_x86() {
        assert_eq!([c_int(-1.9), c_int(4_294_967_297.0), c_int(f64::NAN), c_int(1e30)], [-1, 1, 0, 0]);
        assert_eq!(
            [c_int64(f64::NAN), c_int64(1e19), c_int64(-1e19), c_int64(-7.9)],
            [i64::MIN, i64::MIN, i64::MIN, -7]
        );
    }

    #[test]
    fn conversions_to_unsigned_are_those_of_x86() {
        // As production's bloom_filter and xxhash showed them.
        let cases = [
            (1.5, 1),
            (-0.5, 0),
            (-1.0, u64::MAX),
            (-1e30, 1 << 63),
            (f64::NAN, 1 << 63),
            (f64::NEG_INFINITY, 1 << 63),
            (9_223_372_036_854_775_808.0, 1 << 63),
            (18_446_744_073_709_549_568.0, 18_446_744_073_709_549_568),
            (18_446_744_073_709_551_616.0, 0),
            (1e30, 0),
            (f64::INFINITY, 0),
        ];
        for (value, expected) in cases {
            assert_eq!(c_uint64(value), expected, "{value}");
        }
    }

    proptest! {
        #[test]
        fn any_bits_are_cut_alike(bits: u64) {
            let value = f64::from_bits(bits);
            prop_assert_eq!(c_int64(value), cut(value));
        }

        #[test]
        fn numbers_near_the_range_are_cut_alike(value in -1e19..1e19_f64) {
            prop_assert_eq!(c_int64(value), cut(value));
        }
    }
}
