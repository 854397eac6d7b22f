//! Reading JSON text into Lua values.
//!
//! One pass over the bytes, one Lua call per value: strings without escapes are interned straight from the text.
//! Production first cuts the text into tokens; that shows only in its errors, which name the token found. So the
//! decoder looks for what it expects, and only where that is missing [`Decoder::fail`] reads the token again to name
//! it.
//!
//! The calls into Lua are production's, in its order and with its table sizes: they decide the order of `pairs`, when
//! the collector runs, and how much memory a script has used.

// The steps between two calls into Lua are a handful of instructions each; calls between them would double that.
#![allow(clippy::inline_always)]

use std::ffi::c_int;

use super::{SCRATCH_KEPT, Settings, number, scan::Cursor, settings};
use crate::vm::{Lua, host_call};

host_call! {
    /// `cjson.decode(text)`.
    pub fn decode(lua) {
        if lua.top() != 1 {
            lua.arg_error(1, c"expected 1 argument");
        }
        let settings = settings(lua);
        let bytes = lua.check_bytes(1);
        if let [first, second, ..] = bytes
            && (*first == 0 || *second == 0)
        {
            lua.raise(format_args!("JSON parser does not support UTF-16 or UTF-32"));
        }
        let start = Cursor::new(lua.to_bytes_with_nul(1));
        let decoder = Decoder { lua, text: start.rest(), settings };
        let at = decoder.value(start.skip_space(), 0).skip_space();
        if at.len() > 0 {
            decoder.fail(at, "the end");
        }
        if lua.context().scratch.capacity() > SCRATCH_KEPT {
            lua.work(|context| context.scratch = Vec::new());
        }
        1
    }
}

/// The byte at `at`, 0 behind the end: the text itself has none.
#[inline]
pub fn byte_at(text: &[u8], at: usize) -> u8 {
    text.get(at).copied().unwrap_or(0)
}

/// Why a string has no value: production's words, and the offset they are about.
type StringError = (&'static str, usize);

#[derive(Clone, Copy)]
struct Decoder<'l> {
    lua: Lua<'l>,
    /// Up to the first NUL, where production stops.
    text: &'l [u8],
    settings: Settings,
}

impl<'l> Decoder<'l> {
    /// Pushes the value at `at`; where it ends. Put into each caller: there is one call for each value.
    #[inline(always)]
    fn value(&self, at: Cursor<'l>, depth: c_int) -> Cursor<'l> {
        match at.byte() {
            b'"' => self.string(at, "value"),
            b'0'..=b'9' => match at.small_number() {
                Some((value, end)) if self.settings.decode_invalid_numbers != 0 => {
                    self.lua.push_number(f64::from(value));
                    end
                }
                _ => self.number(at),
            },
            b'{' => self.object(at.next(), depth + 1),
            b'[' => self.array(at.next(), depth + 1),
            _ => self.other_value(at),
        }
    }

    #[inline(never)]
    fn other_value(&self, at: Cursor<'l>) -> Cursor<'l> {
        if at.byte() == b'-' {
            return self.number(at);
        }
        if let Some(end) = at.strip(b"true") {
            self.lua.push_boolean(true);
            return end;
        }
        if let Some(end) = at.strip(b"false") {
            self.lua.push_boolean(false);
            return end;
        }
        if let Some(end) = at.strip(b"null") {
            if self.settings.decode_null == 0 {
                self.lua.push_nil();
            } else {
                self.lua.push_light(std::ptr::null_mut());
            }
            return end;
        }
        if self.is_odd_number(self.offset(at)) { self.number(at) } else { self.fail(at, "value") }
    }

    /// Whether a number of no JSON form may stand here and does.
    fn is_odd_number(&self, at: usize) -> bool {
        matches!(byte_at(self.text, at), b'+' | b'i' | b'I' | b'n' | b'N')
            && self.settings.decode_invalid_numbers != 0
            && number::is_invalid(self.text, at)
    }

    #[inline(never)]
    fn number(&self, at: Cursor<'l>) -> Cursor<'l> {
        let offset = self.offset(at);
        if self.settings.decode_invalid_numbers == 0 && number::is_invalid(self.text, offset) {
            self.fail(at, "value");
        }
        match number::read(self.lua, self.text, offset) {
            Some((value, end)) => {
                self.lua.push_number(value);
                at.after(end - offset)
            }
            None => self.fail(at, "value"),
        }
    }

    /// Pushes the string whose quote is at `at`; where it ends.
    #[inline(always)]
    fn string(&self, at: Cursor<'l>, expected: &'static str) -> Cursor<'l> {
        match at.plain_string() {
            Some((text, end)) => {
                self.lua.push_bytes(text);
                end
            }
            None => self.escaped_string(at, expected),
        }
    }

    #[inline(never)]
    fn escaped_string(&self, at: Cursor<'l>, expected: &'static str) -> Cursor<'l> {
        let offset = self.offset(at);
        match self.unescape(offset + 1) {
            Ok(end) => {
                self.lua.push_scratch();
                at.after(end - offset)
            }
            Err(_) => self.fail(at, expected),
        }
    }

    /// Puts the string that starts at `start` into the scratch buffer; the offset behind its closing quote.
    fn unescape(&self, start: usize) -> Result<usize, StringError> {
        self.lua.work(|context| {
            context.scratch.clear();
            unescape(self.text, start, &mut context.scratch)
        })
    }

    /// One level down, with room for `slots` values.
    #[inline]
    fn descend(&self, at: Cursor<'l>, depth: c_int, slots: c_int) {
        if depth > self.settings.decode_max_depth || !self.lua.try_stack(slots) {
            self.too_deep(at, depth);
        }
    }

    /// Raises that the text is nested too deep. The stack may be full: dropping what was built makes room for words.
    #[cold]
    fn too_deep(&self, at: Cursor<'l>, depth: c_int) -> ! {
        let at = self.offset(at);
        self.lua.set_top(1);
        self.lua.raise(format_args!("Found too many nested data structures ({depth}) at character {at}"))
    }

    #[inline(never)]
    fn object(&self, at: Cursor<'l>, depth: c_int) -> Cursor<'l> {
        self.descend(at, depth, 3);
        self.lua.new_table(0, 0);
        let mut at = at.skip_space();
        if at.byte() == b'}' {
            return at.next();
        }
        loop {
            if at.byte() != b'"' {
                self.fail(at, "object key string");
            }
            at = self.string(at, "object key string").skip_space();
            if at.byte() != b':' {
                self.fail(at, "colon");
            }
            at = self.value(at.next().skip_space(), depth);
            self.lua.raw_set(-3);
            at = at.skip_space();
            match at.byte() {
                b',' => at = at.next().skip_space(),
                b'}' => return at.next(),
                _ => self.fail(at, "comma or object end"),
            }
        }
    }

    #[inline(never)]
    fn array(&self, at: Cursor<'l>, depth: c_int) -> Cursor<'l> {
        self.descend(at, depth, 2);
        // The one slot is what tells an empty array from an empty object.
        self.lua.new_table(1, 0);
        let mut at = at.skip_space();
        if at.byte() == b']' {
            return at.next();
        }
        let mut index = 1;
        loop {
            at = self.value(at, depth);
            self.lua.raw_set_i(-2, index);
            at = at.skip_space();
            match at.byte() {
                b',' => at = at.next().skip_space(),
                b']' => return at.next(),
                _ => self.fail(at, "comma or array end"),
            }
            index += 1;
        }
    }

    /// The offset of a position in the text.
    fn offset(&self, at: Cursor<'l>) -> usize {
        self.text.len() - at.len()
    }

    fn has_word(&self, at: usize, word: &[u8]) -> bool {
        self.text.get(at..).is_some_and(|it| it.starts_with(word))
    }

    /// Raises that something else than `expected` stands at `at`.
    #[cold]
    #[inline(never)]
    fn fail(&self, at: Cursor<'l>, expected: &str) -> ! {
        let at = self.offset(at.skip_space());
        let (found, at) = match byte_at(self.text, at) {
            0 => ("T_END", at),
            b'{' => ("T_OBJ_BEGIN", at),
            b'}' => ("T_OBJ_END", at),
            b'[' => ("T_ARR_BEGIN", at),
            b']' => ("T_ARR_END", at),
            b':' => ("T_COLON", at),
            b',' => ("T_COMMA", at),
            b'"' => match self.unescape(at + 1) {
                Ok(_) => ("T_STRING", at),
                Err(error) => error,
            },
            b'-' | b'0'..=b'9' => {
                let is_refused =
                    self.settings.decode_invalid_numbers == 0 && number::is_invalid(self.text, at);
                (if is_refused { INVALID_NUMBER } else { self.name_of_number(at) }, at)
            }
            _ if self.has_word(at, b"true") || self.has_word(at, b"false") => ("T_BOOLEAN", at),
            _ if self.has_word(at, b"null") => ("T_NULL", at),
            _ if self.is_odd_number(at) => (self.name_of_number(at), at),
            _ => ("invalid token", at),
        };
        // Room for the words, however deep the stack; the text stays.
        self.lua.set_top(1);
        self.lua.raise(format_args!("Expected {expected} but found {found} at character {}", at + 1))
    }

    fn name_of_number(&self, at: usize) -> &'static str {
        if number::read(self.lua, self.text, at).is_some() { "T_NUMBER" } else { INVALID_NUMBER }
    }
}

const INVALID_NUMBER: &str = "invalid number";

/// Appends the string that starts at `start` to `to`, escapes resolved; the offset behind its closing quote.
fn unescape(text: &[u8], start: usize, to: &mut Vec<u8>) -> Result<usize, StringError> {
    let mut at = start;
    loop {
        let rest = text.get(at..).unwrap_or_default();
        let plain = memchr::memchr2(b'"', b'\\', rest).unwrap_or(rest.len());
        to.extend_from_slice(&rest[..plain]);
        at += plain;
        match byte_at(text, at) {
            b'"' => return Ok(at + 1),
            b'\\' => {}
            _ => return Err(("unexpected end of string", at)),
        }
        let plain = match byte_at(text, at + 1) {
            it @ (b'"' | b'\\' | b'/') => it,
            b'b' => 0x08,
            b't' => b'\t',
            b'n' => b'\n',
            b'f' => 0x0c,
            b'r' => b'\r',
            b'u' => {
                let (code_point, len) =
                    unicode_escape(text, at).ok_or(("invalid unicode escape code", at))?;
                to.extend_from_slice(code_point.encode_utf8(&mut [0; 4]).as_bytes());
                at += len;
                continue;
            }
            _ => return Err(("invalid escape code", at)),
        };
        to.push(plain);
        at += 2;
    }
}

/// The character of the `\uXXXX` at `at`, or of a pair of them, and the length of its text.
fn unicode_escape(text: &[u8], at: usize) -> Option<(char, usize)> {
    let unit = hex4(text, at + 2)?;
    if !(0xd800..0xe000).contains(&unit) {
        return Some((char::from_u32(unit)?, 6));
    }
    if unit >= 0xdc00 || byte_at(text, at + 6) != b'\\' || byte_at(text, at + 7) != b'u' {
        return None;
    }
    let low = hex4(text, at + 8)?;
    if !(0xdc00..0xe000).contains(&low) {
        return None;
    }
    Some((char::from_u32(0x1_0000 + ((unit & 0x3ff) << 10 | low & 0x3ff))?, 12))
}

fn hex4(text: &[u8], at: usize) -> Option<u32> {
    (at..at + 4).try_fold(0, |sum, at| Some(sum << 4 | char::from(byte_at(text, at)).to_digit(16)?))
}
