//! `%.17g`: the shortest of C's formats that tells all doubles apart.

use std::io::Write;

/// Appends `value` as C's `%.17g` does in the C locale.
pub fn write_double(out: &mut Vec<u8>, value: f64) {
    const PRECISION: i32 = 17;
    if !value.is_finite() {
        let text: &[u8] = if value.is_nan() { b"nan" } else { b"inf" };
        out.extend_from_slice(if value.is_sign_negative() { b"-" } else { b"" });
        out.extend_from_slice(text);
        return;
    }
    // Both Rust and C print exactly the nearest decimal, so only the layout differs.
    let scientific = format!("{value:.*e}", PRECISION as usize - 1);
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..PRECISION).contains(&exponent) {
        let fixed = format!("{value:.*}", (PRECISION - 1 - exponent) as usize);
        out.extend_from_slice(without_trailing_zeros(&fixed).as_bytes());
    } else {
        let sign = if exponent < 0 { '-' } else { '+' };
        let mantissa = without_trailing_zeros(mantissa);
        // Writing to a Vec cannot fail.
        let _ = write!(out, "{mantissa}e{sign}{:02}", exponent.abs());
    }
}

fn without_trailing_zeros(text: &str) -> &str {
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { text }
}

#[cfg(test)]
mod tests {
    use super::write_double;

    #[test]
    fn layouts_of_c() {
        let check = |value: f64, expected: &str| {
            let mut out = Vec::new();
            write_double(&mut out, value);
            assert_eq!(String::from_utf8_lossy(&out), expected);
        };
        check(0.0, "0");
        check(-0.0, "-0");
        check(200.0, "200");
        check(-1.5, "-1.5");
        check(0.1, "0.10000000000000001");
        check(1e16, "10000000000000000");
        check(1e17, "1e+17");
        check(1.234_567_890_123_456_7e17, "1.2345678901234566e+17");
        check(1e-4, "0.0001");
        check(1e-5, "1.0000000000000001e-05");
        check(1e300, "1.0000000000000001e+300");
        check(5e-324, "4.9406564584124654e-324");
        check(f64::INFINITY, "inf");
        check(f64::NEG_INFINITY, "-inf");
        check(f64::NAN.copysign(1.0), "nan");
        check(f64::NAN.copysign(-1.0), "-nan");
    }
}
