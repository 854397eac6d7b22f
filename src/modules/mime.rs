//! `mime.core`: the encodings of mail, in pieces (`LuaSocket`, `src/mime.c`).
//!
//! Each function takes what was left of the chunk before and the next chunk, and gives the result and what is left now;
//! without a next chunk the rest is finished. The text is built in the host's scratch memory.

use std::ffi::c_int;

use crate::{
    sandbox::{
        Kind, NativeModule,
        host::{of_context, push_scratch},
    },
    vm::{Doom, Lua, cformat, host_call, lua::until_nul},
};

/// The module.
pub const MODULE: NativeModule =
    NativeModule { name: "mime.core", open, io_only: true, version: "1.0.3", kind: Kind::BuiltIn };

const CRLF: &[u8] = b"\r\n";
/// A line end that is no part of the text.
const SOFT: &[u8] = b"=\r\n";
const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
/// Scratch memory beyond this is given back.
const SCRATCH_KEPT: usize = 1 << 20;

host_call! {
    fn open(lua) {
        lua.new_table(0, 0);
        lua.register(None, &[
            (c"dot", dot),
            (c"b64", b64),
            (c"eol", eol),
            (c"qp", qp),
            (c"qpwrp", qpwrp),
            (c"unb64", unb64),
            (c"unqp", unqp),
            (c"wrp", wrp),
        ]);
        lua.push_bytes(b"MIME 1.0.3");
        lua.set_field(-2, c"_VERSION");
        1
    }
}

fn optional_bytes(lua: Lua<'_>, n: c_int) -> Option<&[u8]> {
    if lua.is_none_or_nil(n) { None } else { Some(lua.check_bytes(n)) }
}

/// Counts work on so many bytes, which Lua's hook does not see.
fn charge(lua: Lua<'_>, bytes: usize) {
    let meter = &mut lua.context().meter;
    match meter.steps_left.checked_sub(bytes as u64) {
        Some(left) => meter.steps_left = left,
        None => {
            meter.set_doom(Doom::Steps);
            lua.doom();
        }
    }
}

/// Runs `write` over the empty scratch memory and pushes what it wrote.
fn build<R: Copy>(lua: Lua<'_>, write: impl FnOnce(&mut Vec<u8>) -> R) -> R {
    let res = lua.work(|context| {
        let scratch = &mut of_context(context).scratch;
        scratch.clear();
        write(scratch)
    });
    push_scratch(lua);
    lua.work(|context| {
        let scratch = &mut of_context(context).scratch;
        if scratch.capacity() > SCRATCH_KEPT {
            *scratch = Vec::new();
        }
    });
    res
}

/// Bytes waiting for company.
#[derive(Clone, Copy, Default)]
struct Pending {
    bytes: [u8; 4],
    len: usize,
}

impl Pending {
    fn push(&mut self, byte: u8) {
        self.bytes[self.len] = byte;
        self.len += 1;
    }

    fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

/// What the encodings in pieces have in common: both chunks through `step`, the rest handed back or given to `finish`.
fn in_pieces(
    lua: Lua<'_>,
    is_nothing: fn(&[u8]) -> bool,
    step: impl Fn(&mut Pending, u8, &mut Vec<u8>),
    finish: impl Fn(&Pending, &mut Vec<u8>),
) -> c_int {
    let Some(first) = optional_bytes(lua, 1) else {
        lua.push_nil();
        lua.push_nil();
        return 2;
    };
    let second = optional_bytes(lua, 2);
    charge(lua, first.len() + second.unwrap_or_default().len());
    let pending = build(lua, |out| {
        let mut pending = Pending::default();
        for &byte in first.iter().chain(second.unwrap_or_default()) {
            step(&mut pending, byte, out);
        }
        if second.is_none() {
            finish(&pending, out);
        }
        pending
    });
    if second.is_some() {
        lua.push_bytes(pending.as_bytes());
        return 2;
    }
    if is_nothing(lua.to_bytes(-1).unwrap_or_default()) {
        lua.push_nil();
    }
    lua.push_nil();
    2
}

/// Four letters for up to three bytes.
fn add_base64(bytes: &[u8], out: &mut Vec<u8>) {
    let at = |i: usize| u32::from(bytes.get(i).copied().unwrap_or(0));
    let value = at(0) << 16 | at(1) << 8 | at(2);
    for i in 0..4 {
        let letter = BASE64[(value >> (18 - 6 * i) & 0x3f) as usize];
        out.push(if i <= bytes.len() { letter } else { b'=' });
    }
}

/// The value of a letter; `=` counts as 0.
fn base64_value(letter: u8) -> Option<u32> {
    Some(
        match letter {
            b'A'..=b'Z' => letter - b'A',
            b'a'..=b'z' => letter - b'a' + 26,
            b'0'..=b'9' => letter - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            b'=' => 0,
            _ => return None,
        }
        .into(),
    )
}

host_call! {
    fn b64(lua) {
        let step = |pending: &mut Pending, byte: u8, out: &mut Vec<u8>| {
            pending.push(byte);
            if pending.len == 3 {
                add_base64(pending.as_bytes(), out);
                pending.len = 0;
            }
        };
        in_pieces(lua, <[u8]>::is_empty, step, |pending, out| {
            if pending.len > 0 {
                add_base64(pending.as_bytes(), out);
            }
        })
    }
}

host_call! {
    fn unb64(lua) {
        let step = |pending: &mut Pending, byte: u8, out: &mut Vec<u8>| {
            if base64_value(byte).is_none() {
                return;
            }
            pending.push(byte);
            if pending.len < 4 {
                return;
            }
            let value = pending.bytes.iter().fold(0, |sum, &it| sum << 6 | base64_value(it).unwrap_or(0));
            let valid = match pending.bytes {
                [_, _, b'=', _] => 1,
                [_, _, _, b'='] => 2,
                _ => 3,
            };
            out.extend_from_slice(&value.to_be_bytes()[1..=valid]);
            pending.len = 0;
        };
        in_pieces(lua, <[u8]>::is_empty, step, |_, _| {})
    }
}

fn add_quoted(byte: u8, out: &mut Vec<u8>) {
    out.extend_from_slice(&[b'=', DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
}

/// Whether a byte stands for itself wherever it is.
fn is_plain(byte: u8) -> bool {
    matches!(byte, 33..=60 | 62..=126)
}

/// Whether production, which looks at a C string there, sees nothing.
fn is_empty_c_string(bytes: &[u8]) -> bool {
    until_nul(bytes).is_empty()
}

host_call! {
    /// `qp(rest, chunk [, marker])`: line ends become the marker.
    fn qp(lua) {
        let marker = until_nul(optional_bytes(lua, 3).unwrap_or(CRLF));
        let step = |pending: &mut Pending, byte: u8, out: &mut Vec<u8>| {
            pending.push(byte);
            while pending.len > 0 {
                let first = pending.bytes[0];
                match (first, pending.as_bytes()) {
                    (b'\r', [_]) | (b'\t' | b' ', [_] | [_, _]) => return,
                    (b'\r', [_, b'\n', ..]) => {
                        out.extend_from_slice(marker);
                        pending.len = 0;
                        return;
                    }
                    (b'\t' | b' ', [_, b'\r', b'\n']) => {
                        add_quoted(first, out);
                        out.extend_from_slice(marker);
                        pending.len = 0;
                        return;
                    }
                    (b'\t' | b' ', _) => out.push(first),
                    _ if is_plain(first) => out.push(first),
                    _ => add_quoted(first, out),
                }
                pending.bytes.copy_within(1.., 0);
                pending.len -= 1;
            }
        };
        in_pieces(lua, is_empty_c_string, step, |pending, out| {
            for &byte in pending.as_bytes() {
                if is_plain(byte) { out.push(byte) } else { add_quoted(byte, out) }
            }
            if pending.len > 0 {
                out.extend_from_slice(SOFT);
            }
        })
    }
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).map(|it| it as u8)
}

host_call! {
    fn unqp(lua) {
        let step = |pending: &mut Pending, byte: u8, out: &mut Vec<u8>| {
            pending.push(byte);
            match *pending.as_bytes() {
                [b'=' | b'\r'] | [b'=', _] => return,
                [b'=', b'\r', b'\n'] => {}
                [b'=', high, low] => match (digit(high), digit(low)) {
                    (Some(high), Some(low)) => out.push(high << 4 | low),
                    _ => out.extend_from_slice(&[b'=', high, low]),
                },
                [b'\r', b'\n'] => out.extend_from_slice(CRLF),
                [b'\t' | 32..=126] => out.push(byte),
                _ => {}
            }
            pending.len = 0;
        };
        in_pieces(lua, is_empty_c_string, step, |_, _| {})
    }
}

/// Breaks lines of `chunk`; `first` of `(left, byte)` says whether a byte needs a fresh line.
fn wrap(lua: Lua<'_>, end: &'static [u8], needs_line: fn(c_int, u8) -> bool) -> c_int {
    let mut left = cformat::c_int(lua.check_number(1));
    let chunk = optional_bytes(lua, 2);
    let length = cformat::c_int(lua.opt_number(3, 76.0));
    let Some(chunk) = chunk else {
        if left < length {
            lua.push_bytes(end);
        } else {
            lua.push_nil();
        }
        lua.push_number(f64::from(length));
        return 2;
    };
    charge(lua, chunk.len());
    let left = build(lua, |out| {
        for &byte in chunk {
            match byte {
                b'\r' => {}
                b'\n' => {
                    out.extend_from_slice(CRLF);
                    left = length;
                }
                _ => {
                    if needs_line(left, byte) {
                        out.extend_from_slice(end);
                        left = length;
                    }
                    out.push(byte);
                    left = left.wrapping_sub(1);
                }
            }
        }
        left
    });
    lua.push_number(f64::from(left));
    2
}

host_call! {
    fn wrp(lua) {
        wrap(lua, CRLF, |left, _| left <= 0)
    }
}

host_call! {
    fn qpwrp(lua) {
        wrap(lua, SOFT, |left, byte| left <= if byte == b'=' { 3 } else { 1 })
    }
}

host_call! {
    /// `eol(context, chunk [, marker])`: every line end becomes the marker.
    fn eol(lua) {
        let mut last = lua.check_integer(1) as c_int;
        let chunk = optional_bytes(lua, 2);
        let marker = until_nul(optional_bytes(lua, 3).unwrap_or(CRLF));
        let Some(chunk) = chunk else {
            lua.push_nil();
            lua.push_number(0.0);
            return 2;
        };
        charge(lua, chunk.len());
        let is_end = |it: c_int| it == c_int::from(b'\r') || it == c_int::from(b'\n');
        let last = build(lua, |out| {
            for &byte in chunk {
                let this = c_int::from(byte);
                if !is_end(this) {
                    out.push(byte);
                    last = 0;
                } else if is_end(last) {
                    // The second half of a pair, or a line end of its own.
                    if this == last {
                        out.extend_from_slice(marker);
                    }
                    last = 0;
                } else {
                    out.extend_from_slice(marker);
                    last = this;
                }
            }
            last
        });
        lua.push_number(f64::from(last));
        2
    }
}

host_call! {
    /// `dot(state, chunk)`: a second dot where a line begins with one.
    fn dot(lua) {
        let mut state = lua.check_number(1) as usize;
        let Some(chunk) = optional_bytes(lua, 2) else {
            lua.push_nil();
            lua.push_number(2.0);
            return 2;
        };
        charge(lua, chunk.len());
        let state = build(lua, |out| {
            for &byte in chunk {
                out.push(byte);
                state = match (byte, state) {
                    (b'\r', _) => 1,
                    (b'\n', 1) => 2,
                    (b'.', 2) => {
                        out.push(b'.');
                        0
                    }
                    _ => 0,
                };
            }
            state
        });
        lua.push_number(state as f64);
        2
    }
}
