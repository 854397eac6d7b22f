//! Reading JSON text as `RapidJSON`'s recursive parser does, without its recursion.
//!
//! Which error is found first and at which offset follows from the order of its looks at the text, and the bits of a
//! double from its arithmetic: digits gathered in an integer or a double, then one multiplication or division by a
//! power of ten, which can be off by a unit in the last place (`reader.h` `ParseNumber`, `internal/strtod.h`).

use super::document::{Draft, Kind, Slot};

/// Deeper text overflows production's C stack. Measured there: about 172,000 levels in a thread with 8 MiB.
const MAX_DEPTH: usize = 172_000;

/// What is to be read.
#[derive(Clone, Copy)]
pub struct Source<'s> {
    /// The text.
    pub text: &'s [u8],
    /// The byte behind it; then comes a NUL. Production copies one byte too many of a message's field.
    pub behind: u8,
    /// Whether strings must be UTF-8.
    pub validate: bool,
    /// Whether anything may follow the first value.
    pub first_value_only: bool,
}

/// Why there is no document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParseFailure {
    /// `RapidJSON`'s words, and the offset.
    Text(&'static str, usize),
    /// Nested too deep.
    Depth,
}

const DOCUMENT_EMPTY: &str = "The document is empty.";
const ROOT_NOT_SINGULAR: &str = "The document root must not be followed by other values.";
const VALUE_INVALID: &str = "Invalid value.";
const MISSING_NAME: &str = "Missing a name for object member.";
const MISSING_COLON: &str = "Missing a colon after a name of object member.";
const MISSING_COMMA_OR_BRACE: &str = "Missing a comma or '}' after an object member.";
const MISSING_COMMA_OR_BRACKET: &str = "Missing a comma or ']' after an array element.";
const INVALID_HEX: &str = "Incorrect hex digit after \\u escape in string.";
const INVALID_SURROGATE: &str = "The surrogate pair in string is invalid.";
const INVALID_ESCAPE: &str = "Invalid escape character in string.";
const MISSING_QUOTE: &str = "Missing a closing quotation mark in string.";
const INVALID_ENCODING: &str = "Invalid encoding in string.";
const NUMBER_TOO_BIG: &str = "Number too big to be stored in double.";
const MISSING_FRACTION: &str = "Miss fraction part in number.";
const MISSING_EXPONENT: &str = "Miss exponent in number.";

/// A container that is not closed yet.
struct Open {
    is_object: bool,
    /// Values on the stack below it.
    below: usize,
}

struct Parser<'s> {
    source: Source<'s>,
    at: usize,
    draft: Draft,
    /// Values whose container is not closed yet.
    stack: Vec<Slot>,
}

/// Reads a document: its root, and the rest in the draft.
pub fn parse(source: Source<'_>) -> Result<(Slot, Draft), ParseFailure> {
    let mut parser = Parser { source, at: 0, draft: Draft::default(), stack: Vec::new() };
    let root = parser.document()?;
    Ok((root, parser.draft))
}

type Parsed<T> = Result<T, ParseFailure>;

fn fail<T>(text: &'static str, offset: usize) -> Parsed<T> {
    Err(ParseFailure::Text(text, offset))
}

impl Parser<'_> {
    #[inline]
    fn peek(&self) -> u8 {
        match self.source.text.get(self.at) {
            Some(&byte) => byte,
            None if self.at == self.source.text.len() => self.source.behind,
            None => 0,
        }
    }

    #[inline]
    fn consume(&mut self, byte: u8) -> bool {
        let is_there = self.peek() == byte;
        self.at += usize::from(is_there);
        is_there
    }

    #[inline]
    fn skip_space(&mut self) {
        while matches!(self.peek(), b' ' | b'\n' | b'\r' | b'\t') {
            self.at += 1;
        }
    }

    fn document(&mut self) -> Parsed<Slot> {
        self.skip_space();
        if self.peek() == 0 {
            return fail(DOCUMENT_EMPTY, self.at);
        }
        let root = self.values()?;
        if !self.source.first_value_only {
            self.skip_space();
            if self.peek() != 0 {
                return fail(ROOT_NOT_SINGULAR, self.at);
            }
        }
        Ok(root)
    }

    /// A value with everything in it.
    fn values(&mut self) -> Parsed<Slot> {
        let mut open: Vec<Open> = Vec::new();
        loop {
            let mut value = match self.peek() {
                b'{' => {
                    self.at += 1;
                    self.skip_space();
                    if !self.consume(b'}') {
                        open.push(Open { is_object: true, below: self.stack.len() });
                        if open.len() > MAX_DEPTH {
                            return Err(ParseFailure::Depth);
                        }
                        self.name()?;
                        continue;
                    }
                    Slot::new(Kind::Object, 0, 0)
                }
                b'[' => {
                    self.at += 1;
                    self.skip_space();
                    if !self.consume(b']') {
                        open.push(Open { is_object: false, below: self.stack.len() });
                        if open.len() > MAX_DEPTH {
                            return Err(ParseFailure::Depth);
                        }
                        continue;
                    }
                    Slot::new(Kind::Array, 0, 0)
                }
                b'"' => self.string()?,
                b'n' => self.literal(b"null", Kind::Null)?,
                b't' => self.literal(b"true", Kind::True)?,
                b'f' => self.literal(b"false", Kind::False)?,
                _ => self.number()?,
            };
            // The value may be the last one of any number of containers.
            loop {
                let Some(&Open { is_object, below }) = open.last() else { return Ok(value) };
                self.stack.push(value);
                self.skip_space();
                let byte = self.peek();
                self.at += 1;
                match byte {
                    b',' => {
                        self.skip_space();
                        if is_object {
                            self.name()?;
                        }
                        break;
                    }
                    b'}' if is_object => {
                        value = self.close(Kind::Object, below, 2);
                        open.pop();
                    }
                    b']' if !is_object => {
                        value = self.close(Kind::Array, below, 1);
                        open.pop();
                    }
                    _ if is_object => return fail(MISSING_COMMA_OR_BRACE, self.at - 1),
                    _ => return fail(MISSING_COMMA_OR_BRACKET, self.at - 1),
                }
            }
        }
    }

    /// Moves a container's values to their place.
    fn close(&mut self, kind: Kind, below: usize, values_each: usize) -> Slot {
        let first = self.draft.slots.len() as u64;
        let len = (self.stack.len() - below) / values_each;
        self.draft.slots.extend(self.stack.drain(below..));
        Slot::new(kind, len as u32, first)
    }

    /// A member's name and colon.
    fn name(&mut self) -> Parsed<()> {
        if self.peek() != b'"' {
            return fail(MISSING_NAME, self.at);
        }
        let name = self.string()?;
        self.stack.push(name);
        self.skip_space();
        if !self.consume(b':') {
            return fail(MISSING_COLON, self.at);
        }
        self.skip_space();
        Ok(())
    }

    fn literal(&mut self, word: &'static [u8], kind: Kind) -> Parsed<Slot> {
        for &letter in word {
            if !self.consume(letter) {
                return fail(VALUE_INVALID, self.at);
            }
        }
        Ok(Slot::new(kind, 0, 0))
    }

    fn string(&mut self) -> Parsed<Slot> {
        self.at += 1;
        let start = self.draft.text.len();
        loop {
            let rest = self.source.text.get(self.at..).unwrap_or_default();
            let plain = plain_length(rest);
            let run = &rest[..plain];
            if self.source.validate
                && let Err(error) = std::str::from_utf8(run)
            {
                return fail(INVALID_ENCODING, self.at + error.valid_up_to());
            }
            self.draft.text.extend_from_slice(run);
            self.at += plain;
            match self.peek() {
                b'"' => {
                    self.at += 1;
                    let len = self.draft.text.len() - start;
                    return Ok(Slot::new(Kind::String, len as u32, start as u64));
                }
                b'\\' => self.escape()?,
                0 => return fail(MISSING_QUOTE, self.at),
                1..0x20 => return fail(INVALID_ENCODING, self.at),
                // The byte behind the text; only a NUL follows it.
                byte => {
                    if self.source.validate && byte >= 0x80 {
                        return fail(INVALID_ENCODING, self.at);
                    }
                    self.at += 1;
                }
            }
        }
    }

    fn escape(&mut self) -> Parsed<()> {
        let start = self.at;
        self.at += 1;
        let byte = match self.peek() {
            letter @ (b'"' | b'\\' | b'/') => letter,
            b'b' => 8,
            b'f' => 12,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'u' => {
                self.at += 1;
                return self.unicode(start);
            }
            _ => return fail(INVALID_ESCAPE, start),
        };
        self.at += 1;
        self.draft.text.push(byte);
        Ok(())
    }

    fn unicode(&mut self, start: usize) -> Parsed<()> {
        let mut code = self.hex4(start)?;
        if (0xd800..0xdc00).contains(&code) {
            if !self.consume(b'\\') || !self.consume(b'u') {
                return fail(INVALID_SURROGATE, start);
            }
            let low = self.hex4(start)?;
            if !(0xdc00..0xe000).contains(&low) {
                return fail(INVALID_SURROGATE, start);
            }
            code = 0x10000 + ((code - 0xd800) << 10 | (low - 0xdc00));
        }
        // A low surrogate alone passes, so this is not `char::encode_utf8`.
        let tail = |shift: u32| 0x80 | (code >> shift & 0x3f) as u8;
        let text = &mut self.draft.text;
        match code {
            ..0x80 => text.push(code as u8),
            0x80..0x800 => text.extend_from_slice(&[0xc0 | (code >> 6) as u8, tail(0)]),
            0x800..0x10000 => text.extend_from_slice(&[0xe0 | (code >> 12) as u8, tail(6), tail(0)]),
            _ => text.extend_from_slice(&[0xf0 | (code >> 18) as u8, tail(12), tail(6), tail(0)]),
        }
        Ok(())
    }

    fn hex4(&mut self, start: usize) -> Parsed<u32> {
        let mut code = 0;
        for _ in 0..4 {
            let Some(digit) = char::from(self.peek()).to_digit(16) else { return fail(INVALID_HEX, start) };
            code = code << 4 | digit;
            self.at += 1;
        }
        Ok(code)
    }

    /// The digit here, taken.
    #[inline]
    fn digit(&mut self) -> Option<u8> {
        let digit = self.peek().wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        self.at += 1;
        Some(digit)
    }

    fn number(&mut self) -> Parsed<Slot> {
        let start = self.at;
        let is_negative = self.consume(b'-');
        // The largest integer in front of a digit: one more digit must not leave 64 bits (or, below zero, 2^63).
        let (most, last) = if is_negative { (i64::MAX as u64 / 10, 8) } else { (u64::MAX / 10, 5) };
        let mut integer = match self.digit() {
            Some(digit) => u64::from(digit),
            None => return fail(VALUE_INVALID, self.at),
        };
        let mut double = 0.0;
        let mut is_double = false;
        let mut significant = 0;
        if integer != 0 {
            while let Some(digit) = self.digit() {
                if integer >= most && (integer != most || digit > last) {
                    self.at -= 1;
                    double = integer as f64;
                    is_double = true;
                    break;
                }
                integer = integer * 10 + u64::from(digit);
                significant += 1;
            }
        }
        if is_double {
            while let Some(digit) = self.digit() {
                if double >= 1.797_693_134_862_315_7e307 {
                    return fail(NUMBER_TOO_BIG, start);
                }
                double = double * 10.0 + f64::from(digit);
            }
        }
        let mut fraction_exponent = 0i64;
        if self.consume(b'.') {
            if !self.peek().is_ascii_digit() {
                return fail(MISSING_FRACTION, self.at);
            }
            if !is_double {
                while integer < 1 << 53
                    && let Some(digit) = self.digit()
                {
                    integer = integer * 10 + u64::from(digit);
                    fraction_exponent -= 1;
                    significant += i32::from(integer != 0);
                }
                double = integer as f64;
                is_double = true;
            }
            while let Some(digit) = self.digit() {
                if significant < 17 {
                    double = double * 10.0 + f64::from(digit);
                    fraction_exponent -= 1;
                    significant += i32::from(double > 0.0);
                }
            }
        }
        let mut exponent = 0;
        if self.consume(b'e') || self.consume(b'E') {
            if !is_double {
                double = integer as f64;
                is_double = true;
            }
            exponent = self.exponent(start, fraction_exponent)?;
        }
        if is_double {
            let value = scale(double, exponent + fraction_exponent);
            return Ok(Slot::double(if is_negative { -value } else { value }));
        }
        if is_negative && integer != 0 {
            return Ok(Slot::new(Kind::Negative, 0, integer.wrapping_neg()));
        }
        Ok(Slot::new(Kind::Unsigned, 0, integer))
    }

    fn exponent(&mut self, start: usize, fraction_exponent: i64) -> Parsed<i64> {
        let is_negative = !self.consume(b'+') && self.consume(b'-');
        let mut exponent = match self.digit() {
            Some(digit) => i64::from(digit),
            None => return fail(MISSING_EXPONENT, self.at),
        };
        if is_negative {
            while let Some(digit) = self.digit() {
                if exponent < 214_748_364 {
                    exponent = exponent * 10 + i64::from(digit);
                }
            }
            return Ok(-exponent);
        }
        while let Some(digit) = self.digit() {
            exponent = exponent * 10 + i64::from(digit);
            if exponent > 308 - fraction_exponent {
                return fail(NUMBER_TOO_BIG, start);
            }
        }
        Ok(exponent)
    }
}

/// Bytes before the first that ends a string, escapes or is a control.
#[inline]
fn plain_length(text: &[u8]) -> usize {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    let has_zero = |word: u64| word.wrapping_sub(ONES) & !word & HIGH;
    let mut at = 0;
    while let Some(chunk) = text.get(at..at + 8) {
        let word = u64::from_le_bytes(chunk.try_into().unwrap_or_default());
        let quote = has_zero(word ^ (ONES * u64::from(b'"')));
        let escape = has_zero(word ^ (ONES * u64::from(b'\\')));
        let control = word.wrapping_sub(ONES * 0x20) & !word & HIGH;
        let found = quote | escape | control;
        if found != 0 {
            // The lowest byte found is right; a borrow can only mark later ones wrongly.
            return at + found.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    let rest = text.get(at..).unwrap_or_default();
    at + rest.iter().position(|&it| it == b'"' || it == b'\\' || it < 0x20).unwrap_or(rest.len())
}

/// `value * 10^exponent` with one rounding, or two where the power has no double.
fn scale(value: f64, exponent: i64) -> f64 {
    let step = |value: f64, exponent: i64| match exponent {
        ..-308 => 0.0,
        -308..0 => value / POWERS[-exponent as usize],
        _ => value * POWERS[exponent.min(308) as usize],
    };
    if exponent < -308 { step(step(value, -308), exponent + 308) } else { step(value, exponent) }
}

/// Powers of ten, each the nearest double.
#[rustfmt::skip]
static POWERS: [f64; 309] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18,
    1e19, 1e20, 1e21, 1e22, 1e23, 1e24, 1e25, 1e26, 1e27, 1e28, 1e29, 1e30, 1e31, 1e32, 1e33, 1e34, 1e35,
    1e36, 1e37, 1e38, 1e39, 1e40, 1e41, 1e42, 1e43, 1e44, 1e45, 1e46, 1e47, 1e48, 1e49, 1e50, 1e51, 1e52,
    1e53, 1e54, 1e55, 1e56, 1e57, 1e58, 1e59, 1e60, 1e61, 1e62, 1e63, 1e64, 1e65, 1e66, 1e67, 1e68, 1e69,
    1e70, 1e71, 1e72, 1e73, 1e74, 1e75, 1e76, 1e77, 1e78, 1e79, 1e80, 1e81, 1e82, 1e83, 1e84, 1e85, 1e86,
    1e87, 1e88, 1e89, 1e90, 1e91, 1e92, 1e93, 1e94, 1e95, 1e96, 1e97, 1e98, 1e99, 1e100, 1e101, 1e102,
    1e103, 1e104, 1e105, 1e106, 1e107, 1e108, 1e109, 1e110, 1e111, 1e112, 1e113, 1e114, 1e115, 1e116, 1e117,
    1e118, 1e119, 1e120, 1e121, 1e122, 1e123, 1e124, 1e125, 1e126, 1e127, 1e128, 1e129, 1e130, 1e131, 1e132,
    1e133, 1e134, 1e135, 1e136, 1e137, 1e138, 1e139, 1e140, 1e141, 1e142, 1e143, 1e144, 1e145, 1e146, 1e147,
    1e148, 1e149, 1e150, 1e151, 1e152, 1e153, 1e154, 1e155, 1e156, 1e157, 1e158, 1e159, 1e160, 1e161, 1e162,
    1e163, 1e164, 1e165, 1e166, 1e167, 1e168, 1e169, 1e170, 1e171, 1e172, 1e173, 1e174, 1e175, 1e176, 1e177,
    1e178, 1e179, 1e180, 1e181, 1e182, 1e183, 1e184, 1e185, 1e186, 1e187, 1e188, 1e189, 1e190, 1e191, 1e192,
    1e193, 1e194, 1e195, 1e196, 1e197, 1e198, 1e199, 1e200, 1e201, 1e202, 1e203, 1e204, 1e205, 1e206, 1e207,
    1e208, 1e209, 1e210, 1e211, 1e212, 1e213, 1e214, 1e215, 1e216, 1e217, 1e218, 1e219, 1e220, 1e221, 1e222,
    1e223, 1e224, 1e225, 1e226, 1e227, 1e228, 1e229, 1e230, 1e231, 1e232, 1e233, 1e234, 1e235, 1e236, 1e237,
    1e238, 1e239, 1e240, 1e241, 1e242, 1e243, 1e244, 1e245, 1e246, 1e247, 1e248, 1e249, 1e250, 1e251, 1e252,
    1e253, 1e254, 1e255, 1e256, 1e257, 1e258, 1e259, 1e260, 1e261, 1e262, 1e263, 1e264, 1e265, 1e266, 1e267,
    1e268, 1e269, 1e270, 1e271, 1e272, 1e273, 1e274, 1e275, 1e276, 1e277, 1e278, 1e279, 1e280, 1e281, 1e282,
    1e283, 1e284, 1e285, 1e286, 1e287, 1e288, 1e289, 1e290, 1e291, 1e292, 1e293, 1e294, 1e295, 1e296, 1e297,
    1e298, 1e299, 1e300, 1e301, 1e302, 1e303, 1e304, 1e305, 1e306, 1e307, 1e308,
];
