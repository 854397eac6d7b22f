//! Reading text as C++'s streams and their C locale's time facet do (libstdc++ 12): what they take, what they leave, and
//! when they stop.

use super::format::{MONTHS, WEEKDAYS};

/// A stream of text. Looking beyond the end of it makes it stop being good; looking again makes it fail.
pub struct Stream<'a> {
    text: &'a [u8],
    at: usize,
    is_at_end: bool,
    has_failed: bool,
}

/// How many digits a number has at least and at most; at most 0 is no bound.
#[derive(Clone, Copy)]
pub struct Digits(pub u32, pub u32);

impl<'a> Stream<'a> {
    /// At the start of `text`.
    pub fn new(text: &'a [u8]) -> Stream<'a> {
        Stream { text, at: 0, is_at_end: false, has_failed: false }
    }

    /// Whether there is a reason to go on.
    pub fn is_good(&self) -> bool {
        !self.is_at_end && !self.has_failed
    }

    /// Whether something was not as asked.
    pub fn has_failed(&self) -> bool {
        self.has_failed
    }

    /// Something is not as asked.
    pub fn fail(&mut self) {
        self.has_failed = true;
    }

    /// Notes the end.
    pub fn end(&mut self) {
        self.is_at_end = true;
    }

    /// The byte ahead.
    pub fn peek(&mut self) -> Option<u8> {
        if !self.is_good() {
            self.has_failed = true;
            return None;
        }
        let res = self.ahead();
        self.is_at_end = res.is_none();
        res
    }

    /// The byte ahead, without consequences.
    pub fn ahead(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    /// Leaves the byte ahead behind.
    pub fn skip(&mut self) {
        self.at += 1;
    }

    /// White space, if any.
    pub fn spaces(&mut self) {
        while self.ahead().is_some_and(is_space) {
            self.skip();
        }
        self.is_at_end = self.ahead().is_none();
    }

    /// This byte.
    pub fn byte(&mut self, expected: u8) {
        match self.peek() {
            Some(it) if it == expected => self.skip(),
            _ => self.has_failed = true,
        }
    }

    /// These bytes, as far as they go.
    pub fn bytes(&mut self, expected: impl IntoIterator<Item = u8>) {
        for byte in expected {
            if !self.is_good() {
                return;
            }
            self.byte(byte);
        }
    }

    /// A number without a sign.
    pub fn unsigned(&mut self, digits: Digits) -> Option<i32> {
        if self.has_failed {
            return None;
        }
        let (mut value, mut count) = (0_u32, 0_u32);
        while let Some(byte) = self.peek().filter(u8::is_ascii_digit) {
            self.skip();
            value = value.wrapping_mul(10).wrapping_add(u32::from(byte - b'0'));
            count += 1;
            if count == digits.1 {
                break;
            }
        }
        if count < digits.0 {
            self.has_failed = true;
        }
        (!self.has_failed).then_some(value as i32)
    }

    /// A number that may have a sign.
    pub fn signed(&mut self, digits: Digits) -> Option<i32> {
        let sign = match self.peek() {
            Some(sign @ (b'-' | b'+')) => {
                self.skip();
                sign
            }
            Some(b'0'..=b'9') => b'+',
            _ => {
                self.has_failed = true;
                return None;
            }
        };
        let value = self.unsigned(Digits(digits.0.max(1), digits.1))?;
        Some(if sign == b'-' { value.wrapping_neg() } else { value })
    }

    /// Seconds with a fraction, in nanoseconds; only digits are counted.
    pub fn seconds(&mut self, digits: Digits) -> Option<i64> {
        let (mut whole, mut fraction, mut places, mut count) = (0_u128, 0_u128, None::<u32>, 0_u32);
        while let Some(byte) = self.peek() {
            match (byte, &mut places) {
                (b'.', None) => places = Some(0),
                (b'0'..=b'9', None) => whole = (whole * 10 + u128::from(byte - b'0')).min(1_000_000_000),
                // More of them than any that can matter.
                (b'0'..=b'9', Some(places)) => {
                    if *places < 18 {
                        fraction = fraction * 10 + u128::from(byte - b'0');
                        *places += 1;
                    }
                }
                _ => break,
            }
            self.skip();
            count += u32::from(byte != b'.');
            if count == digits.1 {
                break;
            }
        }
        if self.has_failed || count < digits.0 {
            self.has_failed = true;
            return None;
        }
        let places = places.unwrap_or(0);
        Some(round_to_nanoseconds(whole * 10_u128.pow(places) + fraction, places))
    }

    // ── the time facet ──

    /// One of its conversions, with the end noted behind it.
    pub fn facet(&mut self, time: &mut Time, conversion: u8) {
        if self.at == self.text.len() {
            self.is_at_end = true;
            self.has_failed = true;
            return;
        }
        let mut state = State::default();
        let is_read = self.conversion(time, &mut state, conversion);
        self.is_at_end |= self.at == self.text.len();
        self.has_failed |= !is_read;
        if state.is_pm && state.has_twelve {
            time.hour += 12;
        }
        if let Some(century) = state.century {
            let short = if state.wants_century { time.year % 100 } else { 0 };
            time.year = short + (century - 19) * 100;
        }
    }

    /// A format's conversions and bytes; all of it must be read.
    fn conversions(&mut self, time: &mut Time, state: &mut State, format: &[u8]) -> bool {
        let mut format = format.iter();
        while let Some(byte) = format.next() {
            let Some(ahead) = self.ahead() else { return false };
            match byte {
                b'%' => {
                    let conversion = format.next().copied().unwrap_or_default();
                    if !self.conversion(time, state, conversion) {
                        return false;
                    }
                }
                b' ' => {
                    while self.ahead().is_some_and(is_space) {
                        self.skip();
                    }
                }
                _ if byte.eq_ignore_ascii_case(&ahead) => self.skip(),
                _ => return false,
            }
        }
        true
    }

    fn conversion(&mut self, time: &mut Time, state: &mut State, conversion: u8) -> bool {
        match conversion {
            b'a' | b'A' => self.name(&WEEKDAYS).map(|it| time.weekday = it).is_some(),
            b'b' | b'B' | b'h' => self.name(&MONTHS).map(|it| time.month = it).is_some(),
            // The C locale's format of date and time is empty there: nothing is read, and no date is set.
            b'c' => true,
            b'x' => self.conversions(time, state, b"%m/%d/%y"),
            b'X' => self.conversions(time, state, b"%H:%M:%S"),
            b'r' => self.conversions(time, state, b"%I:%M:%S %p"),
            b'C' => self.number(0, 99, 2).map(|it| state.century = Some(it)).is_some(),
            b'd' | b'e' => {
                if self.ahead().is_some_and(is_space) {
                    self.skip();
                }
                self.number(1, 31, 2).map(|it| time.day = it).is_some()
            }
            b'H' => {
                let hour = self.number(0, 23, 2);
                state.has_twelve &= hour.is_none();
                hour.map(|it| time.hour = it).is_some()
            }
            b'I' => {
                let hour = self.number(1, 12, 2);
                state.has_twelve |= hour.is_some();
                hour.map(|it| time.hour = it % 12).is_some()
            }
            b'm' => self.number(1, 12, 2).map(|it| time.month = it - 1).is_some(),
            b'M' => self.number(0, 59, 2).map(|it| time.minute = it).is_some(),
            b'p' => self.half().map(|it| state.is_pm |= it).is_some(),
            b'S' => self.number(0, 60, 2).map(|it| time.second = it).is_some(),
            b'w' => self.number(0, 6, 1).map(|it| time.weekday = it).is_some(),
            b'y' => {
                let Some(mut year) = self.number(0, 99, 2) else { return false };
                state.wants_century = true;
                // Up to two digits more make it a whole year.
                let mut is_whole = false;
                for _ in 0..2 {
                    if let Some(digit @ b'0'..=b'9') = self.ahead() {
                        self.skip();
                        year = year * 10 + i32::from(digit - b'0');
                        is_whole = true;
                    } else {
                        break;
                    }
                }
                if is_whole {
                    year -= 1900;
                    state.wants_century = false;
                } else if year < 69 {
                    year += 100;
                }
                time.year = year;
                true
            }
            b'Y' => {
                state.wants_century = false;
                self.number(0, 9999, 4).map(|it| time.year = it - 1900).is_some()
            }
            _ => false,
        }
    }

    fn number(&mut self, min: i32, max: i32, len: usize) -> Option<i32> {
        let (mut value, mut count) = (0, 0);
        while let Some(digit @ b'0'..=b'9') = self.ahead().filter(|_| count < len) {
            value = value * 10 + i32::from(digit - b'0');
            if value > max {
                return None;
            }
            self.skip();
            count += 1;
        }
        (count > 0 && value >= min).then_some(value)
    }

    /// One of the names, whole or its first three letters, in any case. What goes on after three as the whole name would is
    /// taken for it.
    fn name(&mut self, names: &[&str]) -> Option<i32> {
        let rest = &self.text[self.at..];
        let is_prefix =
            |prefix: &[u8]| rest.len() >= prefix.len() && rest[..prefix.len()].eq_ignore_ascii_case(prefix);
        let found = names.iter().position(|it| is_prefix(&it.as_bytes()[..3]))?;
        let name = names[found].as_bytes();
        let goes_on = name.len() > 3 && rest.get(3).is_some_and(|it| it.eq_ignore_ascii_case(&name[3]));
        if goes_on && !is_prefix(name) {
            return None;
        }
        self.at += if goes_on { name.len() } else { 3 };
        Some(found as i32)
    }

    /// Whether it is `PM`, if it is either.
    fn half(&mut self) -> Option<bool> {
        let rest = self.text[self.at..].get(..2)?;
        let res = [&b"AM"[..], b"PM"].iter().position(|it| rest.eq_ignore_ascii_case(it))?;
        self.at += 2;
        Some(res == 1)
    }
}

/// White space of the C locale.
pub fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t'..=b'\r')
}

/// C's `tm`, as far as it is used. It is kept from conversion to conversion.
#[derive(Clone, Copy, Debug, Default)]
pub struct Time {
    pub second: i32,
    pub minute: i32,
    pub hour: i32,
    pub day: i32,
    pub month: i32,
    pub year: i32,
    pub weekday: i32,
}

/// What one call of the facet remembers.
#[derive(Default)]
struct State {
    is_pm: bool,
    has_twelve: bool,
    century: Option<i32>,
    wants_century: bool,
}

/// A decimal of seconds, `digits / 10^places`, as nanoseconds.
///
/// Production computes in x87's 80 bits, rounding the decimal and then its product with 10^9; what is half a nanosecond
/// then goes to the even one.
fn round_to_nanoseconds(digits: u128, places: u32) -> i64 {
    if digits == 0 {
        return 0;
    }
    // The mantissa of 64 bits, with its exponent.
    let shift = digits.leading_zeros();
    let divisor = 10_u128.pow(places);
    let quotient = (digits << shift) / divisor;
    let is_inexact = !(digits << shift).is_multiple_of(divisor);
    let (mantissa, exponent) = round_to_64_bits(quotient, is_inexact, -(shift as i32));
    let (product, exponent) = round_to_64_bits(u128::from(mantissa) * 1_000_000_000, false, exponent);
    if exponent >= 0 {
        return i64::MAX;
    }
    let bits = exponent.unsigned_abs();
    if bits > 120 {
        return 0;
    }
    let (whole, rest) = (u128::from(product) >> bits, u128::from(product) & ((1 << bits) - 1));
    let half = 1_u128 << (bits - 1);
    let is_up = rest > half || (rest == half && whole & 1 == 1);
    (whole + u128::from(is_up)) as i64
}

/// `value * 2^exponent` with a mantissa of 64 bits, rounded half to even; `has_more` says that the value is somewhat greater.
fn round_to_64_bits(value: u128, has_more: bool, exponent: i32) -> (u64, i32) {
    let excess = 64_u32.saturating_sub(value.leading_zeros());
    if excess == 0 {
        return (value as u64, exponent);
    }
    let (mantissa, rest) = (value >> excess, value & ((1 << excess) - 1));
    let half = 1_u128 << (excess - 1);
    let is_up = rest > half || (rest == half && (has_more || mantissa & 1 == 1));
    let mantissa = mantissa + u128::from(is_up);
    if mantissa >> 64 == 0 {
        (mantissa as u64, exponent + excess as i32)
    } else {
        ((mantissa >> 1) as u64, exponent + excess as i32 + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_are_rounded_to_nanoseconds() {
        for (text, expected) in [
            ("59.123456789", 59_123_456_789),
            ("0.1", 100_000_000),
            ("7", 7_000_000_000),
            ("0.0000000005", 0),
            ("0.0000000015", 2),
            ("0.00000000051", 1),
            ("59.9999999996", 60_000_000_000),
        ] {
            let mut stream = Stream::new(text.as_bytes());
            assert_eq!(stream.seconds(Digits(1, 12)), Some(expected), "{text}");
        }
    }

    #[test]
    fn names_are_read_whole_or_short() {
        for (text, expected) in [
            ("May", Some((4, 3))),
            ("may 5", Some((4, 3))),
            ("JUNE", Some((5, 4))),
            ("Junx", Some((5, 3))),
            ("Junex", Some((5, 4))),
            ("Septem", None),
            ("Ju", None),
            ("", None),
        ] {
            let mut stream = Stream::new(text.as_bytes());
            let found = stream.name(&MONTHS);
            assert_eq!(found.map(|it| (it, stream.at)), expected, "{text}");
        }
    }
}
