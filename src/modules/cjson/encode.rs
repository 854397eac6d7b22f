//! Writing Lua values as JSON text.
//!
//! The text grows in the context's scratch buffer, not in the sandbox's output buffer: a payload under construction
//! stays. Production keeps a buffer of its own whose size is bounded by `output_limit`, and asks it for room before
//! each piece, often for more than it then writes. These questions decide which value is too large, so each of them
//! is asked here too.

use std::ffi::c_int;

use super::{SCRATCH_KEPT, Settings, settings};
use crate::vm::{Doom, Lua, TableType, Type, cformat, host_call};

/// Room for a number, its NUL included.
const NUMBER_SIZE: usize = 32;
/// The most digits production formats: more were too few for its buffer, so it asserts.
const MAX_PRECISION: c_int = 14;

host_call! {
    /// `cjson.encode(value)`.
    pub fn encode(lua) {
        let settings = settings(lua);
        if lua.top() != 1 {
            lua.arg_error(1, c"expected 1 argument");
        }
        lua.context().scratch.clear();
        let encoder = Encoder { lua, settings, limit: settings.limit() };
        encoder.value(0);
        lua.push_scratch();
        if lua.context().scratch.capacity() > SCRATCH_KEPT {
            lua.work(|context| context.scratch = Vec::new());
        }
        1
    }
}

#[derive(Clone, Copy)]
struct Encoder<'l> {
    lua: Lua<'l>,
    settings: Settings,
    limit: usize,
}

impl Encoder<'_> {
    /// Makes sure that `needed` bytes and a NUL behind them fit.
    #[inline]
    fn reserve(&self, needed: usize) {
        if self.lua.context().scratch.len() + needed + 1 > self.limit {
            self.refuse();
        }
    }

    #[cold]
    fn refuse(&self) -> ! {
        if self.limit == Settings::NO_LIMIT {
            self.crash("cjson.encode of more than 2 GiB");
        }
        self.raise(format_args!("strbuf output_limit exceeded"))
    }

    #[cold]
    fn crash(&self, why: &'static str) -> ! {
        self.lua.context().meter.set_doom(Doom::Assertion(why));
        self.lua.set_top(0);
        self.lua.doom()
    }

    /// Raises a text. The stack may be full: dropping the values makes room for the words.
    #[cold]
    fn raise(&self, text: std::fmt::Arguments<'_>) -> ! {
        self.lua.set_top(0);
        self.lua.raise(text)
    }

    #[inline]
    fn text(&self, text: &[u8]) {
        self.reserve(text.len());
        self.lua.context().scratch.extend_from_slice(text);
    }

    #[inline]
    fn byte(&self, byte: u8) {
        self.reserve(1);
        self.lua.context().scratch.push(byte);
    }

    /// Appends the value on top of the stack, `depth` tables deep.
    fn value(&self, depth: c_int) {
        match self.lua.type_at(-1) {
            Type::String => self.string(-1),
            Type::Number => self.number(-1),
            Type::Boolean => self.text(if self.lua.to_boolean(-1) { b"true" } else { b"false" }),
            Type::Table => self.table(depth + 1),
            Type::Nil => self.text(b"null"),
            Type::LightUserdata if self.lua.to_userdata(-1).is_null() => self.text(b"null"),
            _ => self.fail(-1, "type not supported"),
        }
    }

    #[cold]
    fn fail(&self, index: c_int, reason: &str) -> ! {
        let kind = self.lua.type_at(index).name();
        self.raise(format_args!("Cannot serialise {kind}: {reason}"))
    }

    fn string(&self, index: c_int) {
        let text = self.lua.to_bytes(index).unwrap_or_default();
        // Each byte may become six.
        self.reserve(text.len() * 6 + 2);
        let to = &mut self.lua.context().scratch;
        to.push(b'"');
        let mut rest = text;
        while let Some(len) = rest.iter().position(|&it| ESCAPED[usize::from(it)] != 0) {
            let (plain, special) = rest.split_at(len);
            to.extend_from_slice(plain);
            let [byte, after @ ..] = special else { break };
            match ESCAPED[usize::from(*byte)] {
                b'u' => {
                    let digit = |it: u8| b"0123456789abcdef"[usize::from(it & 15)];
                    to.extend_from_slice(&[b'\\', b'u', b'0', b'0', digit(byte >> 4), digit(*byte)]);
                }
                letter => to.extend_from_slice(&[b'\\', letter]),
            }
            rest = after;
        }
        to.extend_from_slice(rest);
        to.push(b'"');
    }

    fn number(&self, index: c_int) {
        let value = self.lua.to_number(index);
        if !value.is_finite() {
            match self.settings.encode_invalid_numbers {
                0 => self.fail(index, "must not be NaN or Infinity"),
                1 if value.is_nan() => self.text(b"NaN"),
                1 if value < 0.0 => self.text(b"-Infinity"),
                1 => self.text(b"Infinity"),
                _ => self.text(b"null"),
            }
            return;
        }
        self.reserve(NUMBER_SIZE);
        let precision = self.settings.encode_number_precision;
        if precision > MAX_PRECISION {
            self.crash("cjson.encode asserts a number precision of at most 14");
        }
        let text = cformat::general(value, precision as usize);
        self.lua.context().scratch.extend_from_slice(&text);
    }

    fn table(&self, depth: c_int) {
        if depth > self.settings.encode_max_depth || !self.lua.try_stack(3) {
            self.raise(format_args!("Cannot serialise, excessive nesting ({depth})"));
        }
        let len = self.array_length();
        if len > 0 || (len == 0 && self.lua.table_type(-1) == TableType::Array) {
            self.array(depth, len);
        } else {
            self.object(depth);
        }
    }

    /// The largest key of a table that has only positive whole numbers as keys; -1 for an object. Keys beyond C's
    /// `int` come out negative, as its conversion makes them.
    fn array_length(&self) -> c_int {
        let mut max: c_int = 0;
        let mut items: c_int = 0;
        self.lua.push_nil();
        while self.lua.next(-2) {
            let key = if self.lua.type_at(-2) == Type::Number { self.lua.to_number(-2) } else { 0.0 };
            if key < 1.0 || key.is_finite() && key.fract() != 0.0 {
                self.lua.pop(2);
                return -1;
            }
            if key > f64::from(max) {
                max = if key < 2_147_483_648.0 { key as c_int } else { c_int::MIN };
            }
            items = items.wrapping_add(1);
            self.lua.pop(1);
        }
        let Settings { encode_sparse_convert, encode_sparse_ratio, encode_sparse_safe, .. } = self.settings;
        if encode_sparse_ratio > 0
            && max > items.wrapping_mul(encode_sparse_ratio)
            && max > encode_sparse_safe
        {
            if encode_sparse_convert == 0 {
                self.fail(-1, "excessively sparse array");
            }
            return -1;
        }
        max
    }

    fn array(&self, depth: c_int, len: c_int) {
        self.byte(b'[');
        for index in 1..=len {
            if index > 1 {
                self.byte(b',');
            }
            self.lua.raw_get_i(-1, index);
            self.value(depth);
            self.lua.pop(1);
        }
        self.byte(b']');
    }

    fn object(&self, depth: c_int) {
        self.byte(b'{');
        self.lua.push_nil();
        let mut is_first = true;
        while self.lua.next(-2) {
            if !is_first {
                self.byte(b',');
            }
            is_first = false;
            match self.lua.type_at(-2) {
                Type::Number => {
                    self.byte(b'"');
                    self.number(-2);
                    self.text(b"\":");
                }
                Type::String => {
                    self.string(-2);
                    self.byte(b':');
                }
                _ => self.fail(-2, "table key must be a number or string"),
            }
            self.value(depth);
            self.lua.pop(1);
        }
        self.byte(b'}');
    }
}

/// For each byte: 0 when it stands for itself, else the letter behind the backslash; `u` is followed by its code.
static ESCAPED: [u8; 256] = {
    let mut res = [0; 256];
    let mut byte = 0;
    while byte < 0x20 {
        res[byte] = b'u';
        byte += 1;
    }
    res[0x7f] = b'u';
    res[0x08] = b'b';
    res[0x09] = b't';
    res[0x0a] = b'n';
    res[0x0c] = b'f';
    res[0x0d] = b'r';
    res[b'"' as usize] = b'"';
    res[b'/' as usize] = b'/';
    res[b'\\' as usize] = b'\\';
    res
};
