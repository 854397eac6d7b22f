//! Numbers as C prints them, byte for byte, without calling C.
//!
//! Scripts compare, concatenate and store these texts, so they must be production's: `%.14g` of `tostring`, and the
//! 8-decimals format of payloads and preserved state with its defects (reference: `lua_sandbox`
//! `src/util/output_buffer.c`, `lsb_outputfd`).

use std::{io::Write as _, ops::Deref};

pub use super::cint::{c_int, c_int64, c_uint64};

/// Longest text: `%.17g` needs 24 bytes, the digits it is made of 24.
const CAPACITY: usize = 32;

/// A short text that needs no allocation and no destructor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SmallBuf {
    bytes: [u8; CAPACITY],
    length: u8,
}

impl SmallBuf {
    const EMPTY: Self = Self { bytes: [0; CAPACITY], length: 0 };

    /// The text.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.length)]
    }

    fn push(&mut self, text: &[u8]) {
        let start = usize::from(self.length);
        self.bytes[start..start + text.len()].copy_from_slice(text);
        self.length += text.len() as u8;
    }
}

impl Deref for SmallBuf {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.as_bytes()
    }
}

/// C's `%.14g`: a Lua number as `tostring` and `..` show it.
pub fn g14(value: f64) -> SmallBuf {
    short_decimal(value).unwrap_or_else(|| general(value, 14))
}

/// `%.14g` of numbers with at most 6 decimals, without big-number arithmetic.
///
/// A decimal of at most 14 digits that reads back as `value` is nearer to it than any other of 14 digits, because
/// doubles are spaced much closer than such decimals. The division is the read-back: it rounds correctly.
#[expect(clippy::float_cmp, reason = "equality is the proof")]
fn short_decimal(value: f64) -> Option<SmallBuf> {
    const SCALE: u32 = 1_000_000;
    let positive = value.abs();
    let scaled = (positive * f64::from(SCALE)).round();
    // Below 0.0001 the text has an exponent; zero has a sign; nan fails every comparison.
    if !(positive >= 1e-4 && scaled < 1e14 && scaled / f64::from(SCALE) == positive) {
        return None;
    }
    let scaled = scaled as u64;
    let mut res = SmallBuf::EMPTY;
    if value < 0.0 {
        res.push(b"-");
    }
    push_integer(&mut res, scaled / u64::from(SCALE));
    let mut fraction = scaled % u64::from(SCALE);
    if fraction != 0 {
        let mut text = *b".000000";
        for digit in text[1..].iter_mut().rev() {
            *digit = b'0' + (fraction % 10) as u8;
            fraction /= 10;
        }
        let zeros = text.iter().rev().take_while(|&&it| it == b'0').count();
        res.push(&text[..text.len() - zeros]);
    }
    Some(res)
}

/// C's `%g`.
pub fn g6(value: f64) -> SmallBuf {
    general(value, 6)
}

/// C's `%.17g`.
pub fn g17(value: f64) -> SmallBuf {
    general(value, 17)
}

/// C's `%.{precision}g` for precisions of 1 to 17.
#[expect(clippy::float_cmp, reason = "a conversion that loses nothing is meant")]
pub fn general(value: f64, precision: usize) -> SmallBuf {
    let mut res = SmallBuf::EMPTY;
    if value.is_sign_negative() {
        res.push(b"-");
    }
    let value = value.abs();
    if value.is_nan() {
        res.push(b"nan");
        return res;
    }
    if value.is_infinite() {
        res.push(b"inf");
        return res;
    }
    // Whole numbers with no more digits than asked for, the common case, are printed as they are.
    let whole = value as u64;
    if whole as f64 == value && whole < 10_u64.pow(precision as u32) {
        push_integer(&mut res, whole);
        return res;
    }

    // Rust's `e` format with a precision rounds the exact binary value half to even, as C does.
    let mut text = [0; CAPACITY];
    let mut rest = &mut text[..];
    let is_written = write!(rest, "{value:.*e}", precision - 1).is_ok();
    debug_assert!(is_written, "17 digits, point and exponent fit");
    let length = CAPACITY - rest.len();
    // One digit comes without a point.
    let mantissa_length = precision + usize::from(precision > 1);
    let exponent = parse_exponent(&text[mantissa_length + 1..length]);
    text.copy_within(2.min(mantissa_length)..mantissa_length, 1);
    let digits = &text[..precision];
    let significant = precision - digits.iter().rev().take_while(|&&it| it == b'0').count();
    let digits = &digits[..significant];

    if exponent < -4 || exponent >= precision as i32 {
        push_with_point(&mut res, digits, 1);
        res.push(if exponent < 0 { b"e-" } else { b"e+" });
        if exponent.unsigned_abs() < 10 {
            res.push(b"0");
        }
        push_integer(&mut res, u64::from(exponent.unsigned_abs()));
    } else if exponent < 0 {
        res.push(&b"0.000"[..=exponent.unsigned_abs() as usize]);
        res.push(digits);
    } else {
        push_with_point(&mut res, digits, 1 + exponent as usize);
    }
    res
}

/// The digits with a point behind the first `whole`, where zeros are filled in.
fn push_with_point(res: &mut SmallBuf, digits: &[u8], whole: usize) {
    if let Some((before, after)) = digits.split_at_checked(whole) {
        res.push(before);
        if !after.is_empty() {
            res.push(b".");
            res.push(after);
        }
    } else {
        res.push(digits);
        res.push(&b"00000000000000000"[..whole - digits.len()]);
    }
}

fn push_integer(res: &mut SmallBuf, mut value: u64) {
    let mut text = [0; 20];
    let mut start = text.len();
    loop {
        start -= 1;
        text[start] = b'0' + (value % 10) as u8;
        value /= 10;
        if value == 0 {
            break;
        }
    }
    res.push(&text[start..]);
}

fn parse_exponent(text: &[u8]) -> i32 {
    let (sign, digits) = text.strip_prefix(b"-").map_or((1, text), |it| (-1, it));
    sign * digits.iter().fold(0, |value, it| value * 10 + i32::from(it - b'0'))
}

/// Appends a number as payloads show it (`lsb_outputd`).
pub fn payload_number(value: f64, out: &mut Vec<u8>) {
    match special(value) {
        Some(Special::Nan) => out.extend_from_slice(b"nan"),
        Some(Special::Infinity) => out.extend_from_slice(b"inf"),
        Some(Special::NegativeInfinity) => out.extend_from_slice(b"-inf"),
        None => finite_number(value, out),
    }
}

/// Appends a number as preserved state holds it (`lsb_serialize_double`): Lua source.
pub fn serialize_number(value: f64, out: &mut Vec<u8>) {
    match special(value) {
        Some(Special::Nan) => out.extend_from_slice(b"0/0"),
        Some(Special::Infinity) => out.extend_from_slice(b"1/0"),
        Some(Special::NegativeInfinity) => out.extend_from_slice(b"-1/0"),
        None => finite_number(value, out),
    }
}

enum Special {
    Nan,
    Infinity,
    NegativeInfinity,
}

fn special(value: f64) -> Option<Special> {
    match value {
        _ if value.is_nan() => Some(Special::Nan),
        f64::INFINITY => Some(Special::Infinity),
        f64::NEG_INFINITY => Some(Special::NegativeInfinity),
        _ => None,
    }
}

/// Up to 8 decimals for numbers in the range of `int`, else `%.17g` (`lsb_outputfd`).
///
/// Two defects are kept, both pinned by conformance cases of `inject_payload`: a fraction that half-to-even rounding
/// carries to a whole one leaves a bare point (`0.`), and the smallest `int` has no positive counterpart.
#[expect(clippy::float_cmp, reason = "the tie is exact")]
fn finite_number(value: f64, out: &mut Vec<u8>) {
    const MAGNITUDE: u32 = 100_000_000;
    const DECIMALS: usize = 8;
    if value < f64::from(i32::MIN) || value > f64::from(i32::MAX) {
        out.extend_from_slice(&g17(value));
        return;
    }
    let is_negative = value < 0.0;
    let value = if is_negative { -value } else { value };

    let mut number = truncate_to_int(value);
    let scaled = (value - f64::from(number)) * f64::from(MAGNITUDE);
    // The compiled conversion goes through 64 bits: of 2^32 times 10^8 it leaves 0, where Rust's cast would saturate.
    let mut fraction = scaled as i64 as u32;
    let remainder = scaled - f64::from(fraction);
    if remainder > 0.5 {
        fraction += 1;
        if fraction >= MAGNITUDE {
            fraction = 0;
            number = number.wrapping_add(1);
        }
    } else if remainder == 0.5 && (fraction == 0 || fraction & 1 != 0) {
        fraction += 1;
    }

    // From the end, as the digits come: 8 decimals, the point, at most 10 digits and the sign.
    let mut text = [0; 24];
    let mut start = text.len();
    let mut put = |byte: u8| {
        start -= 1;
        text[start] = byte;
    };
    if fraction != 0 {
        let mut is_trailing = true;
        for _ in 0..DECIMALS {
            let digit = (fraction % 10) as u8;
            fraction /= 10;
            is_trailing = is_trailing && digit == 0;
            if !is_trailing {
                put(b'0' + digit);
            }
        }
        put(b'.');
    }
    loop {
        // Negative only for the smallest int, whose last digit -8 becomes `(`.
        put((i32::from(b'0') + number % 10) as u8);
        number /= 10;
        if number <= 0 {
            break;
        }
    }
    if is_negative {
        put(b'-');
    }
    out.extend_from_slice(&text[start..]);
}

/// C's `(int)d` as x86-64 compiles it (cvttsd2si): out of range is the smallest `int`.
fn truncate_to_int(value: f64) -> i32 {
    if value > -2_147_483_649.0 && value < 2_147_483_648.0 { value as i32 } else { i32::MIN }
}

#[cfg(test)]
mod tests {
    // The reference is C's own printf.
    #![allow(unsafe_code)]

    use proptest::prelude::*;

    use super::*;

    fn printf(format: &std::ffi::CStr, value: f64) -> String {
        let mut text = [0_u8; 64];
        // SAFETY: the format takes one double, and the length given is the buffer's.
        let length = unsafe { libc::snprintf(text.as_mut_ptr().cast(), text.len(), format.as_ptr(), value) };
        String::from_utf8_lossy(&text[..length as usize]).into_owned()
    }

    #[track_caller]
    fn check_general(value: f64) {
        assert_eq!(String::from_utf8_lossy(&g14(value)), printf(c"%.14g", value), "%.14g of {value:e}");
        assert_eq!(String::from_utf8_lossy(&g6(value)), printf(c"%g", value), "%g of {value:e}");
        assert_eq!(String::from_utf8_lossy(&g17(value)), printf(c"%0.17g", value), "%.17g of {value:e}");
        for precision in 1..=17 {
            let format = std::ffi::CString::new(format!("%.{precision}g")).expect("no NUL");
            let got = general(value, precision);
            assert_eq!(String::from_utf8_lossy(&got), printf(&format, value), "%.{precision}g of {value:e}");
        }
    }

    #[test]
    fn general_format_is_that_of_c() {
        let values = [
            0.0,
            -0.0,
            1.0,
            -1.0,
            0.1,
            0.1 + 0.2,
            1.0 / 3.0,
            1e14,
            99_999_999_999_999.0,
            99_999_999_999_999.5,
            999_999_999_999_994.9,
            123_456_789_012_345.0,
            1e15,
            1e16,
            1e17,
            99_999_999_999_999_984.0,
            1e21,
            1e100,
            0.001,
            0.0001,
            0.00001,
            0.000_099_999_999_999_999_99,
            0.5,
            2.5,
            4_503_599_627_370_497.5,
            f64::MAX,
            f64::MIN_POSITIVE,
            5e-324,
            f64::INFINITY,
            f64::NEG_INFINITY,
            f64::NAN,
            -f64::NAN,
            2_f64.powi(53),
            2_f64.powi(63),
            2_f64.powi(64),
        ];
        values.into_iter().for_each(check_general);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4096))]

        #[test]
        fn general_format_of_any_bits_is_that_of_c(bits: u64) {
            check_general(f64::from_bits(bits));
        }

        #[test]
        fn general_format_of_decimals_is_that_of_c(digits in -1_000_000_000_000_000_000_i64..1_000_000_000_000_000_000, scale in 0..25_i32) {
            check_general(digits as f64 / 10_f64.powi(scale));
        }

        /// Exact ties: dyadic fractions with one digit more than is printed.
        #[test]
        fn general_format_of_ties_is_that_of_c(whole in 0_u64..1 << 44, part in 0..32_u32) {
            check_general(whole as f64 + f64::from(part) / 32.0);
        }

        #[test]
        fn general_format_of_short_decimals_is_that_of_c(digits in -100_000_000_000_000_i64..100_000_000_000_000, shift in 0..40_u32, scale in 0..8_i32) {
            check_general((digits >> shift) as f64 / 10_f64.powi(scale));
        }

        /// Whatever the rounding, the text is within half of the last decimal, unless a carry was lost.
        #[test]
        fn payload_numbers_are_close(value in -2_147_483_647.0..2_147_483_647.0_f64, scale in 0..12_i32) {
            let value = value / 10_f64.powi(scale);
            let mut text = Vec::new();
            payload_number(value, &mut text);
            let text = String::from_utf8(text).expect("ASCII");
            let read: f64 = text.parse().expect("a number");
            let tolerance = 0.500_001e-8 + value.abs() * 1e-15;
            prop_assert!(text.ends_with('.') || (read - value).abs() <= tolerance, "{} became {}", value, text);
        }
    }

    #[track_caller]
    fn check_payload(value: f64, expected: &str) {
        let mut text = b"before ".to_vec();
        payload_number(value, &mut text);
        assert_eq!(String::from_utf8_lossy(&text), format!("before {expected}"), "{value:e}");
    }

    #[test]
    fn payload_numbers_are_those_recorded() {
        // Cases inject_payload/number_format and number_format_near_integer.
        let recorded = [
            (0.0, "0"),
            (1.0, "1"),
            (-1.0, "-1"),
            (0.5, "0.5"),
            (1.0 / 3.0, "0.33333333"),
            (2.0 / 3.0, "0.66666667"),
            (0.1, "0.1"),
            (1e-8, "0.00000001"),
            (4e-9, "0"),
            (5e-9, "0.00000001"),
            (6e-9, "0.00000001"),
            (1e-300, "0"),
            (123_456.789, "123456.789"),
            (99_999_999.999_999_999, "100000000"),
            (2_147_483_647.0, "2147483647"),
            (2_147_483_648.0, "2147483648"),
            (-2_147_483_648.0, "-(.00000001"),
            (-2_147_483_649.0, "-2147483649"),
            (4_294_967_296.5, "4294967296.5"),
            (1e15, "1000000000000000"),
            (1e16, "10000000000000000"),
            (1e17, "1e+17"),
            (1e21, "1e+21"),
            (1e100, "1e+100"),
            (1.5e300, "1.5000000000000001e+300"),
            (9_007_199_254_740_993.0, "9007199254740992"),
            (0.999_999_99, "0.99999999"),
            (0.999_999_995, "0."),
            (0.999_999_999, "1"),
            (1.000_000_005, "1"),
            (2.5, "2.5"),
            (1e9 + 0.123_456_789, "1000000000.12345684"),
            (1_496_275_200_123_456_789.0, "1.4962752001234568e+18"),
            (f64::INFINITY, "inf"),
            (f64::NEG_INFINITY, "-inf"),
            (f64::NAN, "nan"),
            (0.999_999_994_9, "0.99999999"),
            (1.999_999_995, "1."),
            (1.999_999_995_1, "2"),
            (9.999_999_996, "10"),
            (99.999_999_999, "100"),
            (123.999_999_999, "124"),
            (-0.999_999_995, "-0."),
            (-1.999_999_999, "-2"),
            (2_147_483_646.999_999_999, "2147483647"),
            (0.000_000_004_99, "0"),
            (0.000_000_005_1, "0.00000001"),
            (0.199_999_999_9, "0.2"),
            (0.123_456_789, "0.12345679"),
            // The reference page, and state/numbers.
            (1.5e-8, "0.00000001"),
            (2.5e-8, "0.00000002"),
            (-1e-9, "-0"),
            (-0.0, "0"),
        ];
        for (value, expected) in recorded {
            check_payload(value, expected);
        }
    }

    #[track_caller]
    fn check_serialized(value: f64, expected: &str) {
        let mut text = Vec::new();
        serialize_number(value, &mut text);
        assert_eq!(String::from_utf8_lossy(&text), expected);
    }

    #[test]
    fn preserved_numbers_are_those_recorded() {
        check_serialized(f64::NAN, "0/0");
        check_serialized(f64::INFINITY, "1/0");
        check_serialized(f64::NEG_INFINITY, "-1/0");
        check_serialized(f64::from(i32::MIN), "-(.00000001");
        check_serialized(99_999_999.5, "99999999.5");
    }
}
