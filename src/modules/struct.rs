//! `struct` 0.2: numbers and strings packed into bytes as C structures have them, and back.
//!
//! Formats come from scripts and data from anywhere, and the C code trusts both. Sizes are C's: the digits of a format
//! overflow an `int`, which becomes a huge `size_t`, and positions wrap around. What such numbers do short of leaving the
//! data is kept. A read that begins up to eight bytes before the data finds the length Lua keeps there, so that a script
//! that counts positions from 0 sees production's numbers; any other access outside ends the callback.

use std::ffi::c_int;

use crate::{
    sandbox::{Kind, NativeModule},
    vm::{
        Doom, Lua,
        cformat::{c_int64, c_uint64},
        host_call,
        lua::{Buffer, until_nul},
    },
};

/// The module.
pub const MODULE: NativeModule =
    NativeModule { name: "struct", open, io_only: false, version: "0.2", kind: Kind::BuiltIn };

/// The most bytes of an integer.
const MAX_INTEGER: c_int = 32;
/// What `!` without a number aligns to.
const MAX_ALIGNMENT: c_int = 8;
/// Bytes before a string's own where Lua keeps its length.
const LENGTH_BYTES: usize = 8;
const ZEROS: [u8; 64] = [0; 64];

host_call! {
    /// Leaves the module's table on the stack, which is the global `struct` too.
    fn open(lua) {
        lua.register(Some(c"struct"), &[(c"pack", pack), (c"unpack", unpack), (c"size", size)]);
        1
    }
}

/// A format being read, and the options that hold from here on.
#[derive(Clone, Copy)]
struct Format<'l> {
    rest: &'l [u8],
    is_big: bool,
    alignment: c_int,
}

impl<'l> Format<'l> {
    /// The format at argument 1, up to its first NUL.
    fn check(lua: Lua<'l>) -> Format<'l> {
        let rest = until_nul(lua.check_bytes(1));
        lua.spend(rest.len() as u64);
        Format { rest, is_big: false, alignment: 1 }
    }

    /// The next option's letter and the size it stands for; 0 where the data decides, and for options of the format.
    fn next(&mut self, lua: Lua<'_>) -> Option<(u8, usize)> {
        let (&option, rest) = self.rest.split_first()?;
        self.rest = rest;
        let size = match option {
            b'b' | b'B' | b'x' => 1,
            b'h' | b'H' => 2,
            b'f' => 4,
            b'l' | b'L' | b'T' | b'd' => 8,
            b'c' => self.number(1) as usize,
            b'i' | b'I' => {
                let size = self.number(4);
                if size > MAX_INTEGER {
                    lua.raise(format_args!("integral size {size} is larger than limit of {MAX_INTEGER}"));
                }
                size as usize
            }
            _ => 0,
        };
        Some((option, size))
    }

    /// The digits that follow, as a C `int` that overflows.
    fn number(&mut self, default: c_int) -> c_int {
        let digits = self.rest.iter().take_while(|it| it.is_ascii_digit()).count();
        let (digits, rest) = self.rest.split_at(digits);
        self.rest = rest;
        if digits.is_empty() {
            return default;
        }
        digits
            .iter()
            .fold(0, |number: c_int, it| number.wrapping_mul(10).wrapping_add(c_int::from(it - b'0')))
    }

    /// Bytes needed before an item of `size` bytes at `position`.
    fn padding(&self, position: usize, option: u8, size: usize) -> usize {
        if size == 0 || option == b'c' {
            return 0;
        }
        let size = size.min(self.alignment as usize);
        // As an `int`, which alignments fit.
        size.wrapping_sub(position & (size - 1)) & (size - 1)
    }

    /// An option that is no item.
    fn control(&mut self, lua: Lua<'_>, option: u8) {
        match option {
            b' ' => {}
            b'>' => self.is_big = true,
            b'<' => self.is_big = false,
            b'!' => {
                let alignment = self.number(MAX_ALIGNMENT);
                if alignment <= 0 || alignment & (alignment - 1) != 0 {
                    lua.raise(format_args!("alignment {alignment} is not a power of 2"));
                }
                self.alignment = alignment;
            }
            _ => {
                lua.push_bytes(b"invalid format option '");
                lua.push_bytes(&[option]);
                lua.push_bytes(b"'");
                lua.concat(3);
                lua.arg_error_on_top(1);
            }
        }
    }

    /// The item's bytes in the format's order.
    fn ordered<const N: usize>(&self, little: [u8; N]) -> [u8; N] {
        let mut res = little;
        if self.is_big {
            res.reverse();
        }
        res
    }
}

#[cold]
fn doom_outside(lua: Lua<'_>) -> ! {
    lua.doom_for(Doom::Assertion("struct reaches outside the data"))
}

host_call! {
    fn pack(lua) {
        let mut format = Format::check(lua);
        let mut argument = 2;
        let mut total = 0usize;
        // What is taken for an argument too many must not be a piece of the result.
        lua.push_nil();
        let mut result = lua.buffer();
        while let Some((option, mut size)) = format.next(lua) {
            let padding = format.padding(total, option, size);
            total = total.wrapping_add(padding);
            add_zeros(lua, &mut result, padding);
            match option {
                b'b' | b'B' | b'h' | b'H' | b'l' | b'L' | b'T' | b'i' | b'I' => {
                    add_integer(&mut result, lua.check_number(argument), format.is_big, size, lua);
                    argument += 1;
                }
                b'x' => result.add(&[0]),
                b'f' => {
                    let bytes = (lua.check_number(argument) as f32).to_le_bytes();
                    result.add(&format.ordered(bytes));
                    argument += 1;
                }
                b'd' => {
                    let bytes = lua.check_number(argument).to_le_bytes();
                    result.add(&format.ordered(bytes));
                    argument += 1;
                }
                b'c' | b's' => {
                    let text = lua.check_bytes(argument);
                    argument += 1;
                    if size == 0 {
                        size = text.len();
                    }
                    let Some(text) = text.get(..size) else {
                        // Production has counted the argument already.
                        lua.arg_error(argument, c"string too short");
                    };
                    lua.spend(size as u64 / 16);
                    result.add(text);
                    if option == b's' {
                        result.add(&[0]);
                        size += 1;
                    }
                }
                _ => format.control(lua, option),
            }
            total = total.wrapping_add(size);
        }
        result.push();
        1
    }
}

fn add_zeros(lua: Lua<'_>, result: &mut Buffer<'_>, mut count: usize) {
    if count > 0 && lua.would_exceed_memory(count) {
        lua.raise_memory();
    }
    lua.spend(count as u64 / 16);
    while count > 0 {
        let piece = count.min(ZEROS.len());
        result.add(&ZEROS[..piece]);
        count -= piece;
    }
}

/// Appends a number cut as C does; bytes beyond the eighth are zero, whatever the sign.
fn add_integer(result: &mut Buffer<'_>, number: f64, is_big: bool, size: usize, lua: Lua<'_>) {
    let mut bytes = [0; MAX_INTEGER as usize];
    let Some(bytes) = bytes.get_mut(..size) else { doom_outside(lua) };
    let value = if number < 0.0 { c_int64(number) as u64 } else { c_uint64(number) };
    for (to, from) in bytes.iter_mut().zip(value.to_le_bytes()) {
        *to = from;
    }
    if is_big {
        bytes.reverse();
    }
    result.add(bytes);
}

/// Bytes that a position leads to: those of a string, and before them what Lua keeps.
#[derive(Clone, Copy)]
struct Data<'l> {
    lua: Lua<'l>,
    bytes: &'l [u8],
}

impl Data<'_> {
    /// Whether C's check lets `size` bytes at `position` pass, which wraps around.
    fn check(self, position: usize, size: usize) {
        if position.wrapping_add(size) > self.bytes.len() {
            self.lua.arg_error(2, c"data string too short");
        }
    }

    fn byte(self, position: usize) -> u8 {
        match self.bytes.get(position) {
            Some(&byte) => byte,
            None => {
                let before = position.wrapping_neg();
                if !(1..=LENGTH_BYTES).contains(&before) {
                    doom_outside(self.lua);
                }
                self.bytes.len().to_le_bytes()[LENGTH_BYTES - before]
            }
        }
    }

    /// The bytes of a float, in the machine's order.
    fn float<const N: usize>(self, format: &Format<'_>, position: usize) -> [u8; N] {
        let mut res = [0; N];
        for (n, to) in res.iter_mut().enumerate() {
            *to = self.byte(position.wrapping_add(n));
        }
        format.ordered(res)
    }

    /// An integer of `size` bytes, of which the lowest eight count; C's `int` for its size.
    fn integer(self, position: usize, is_big: bool, size: c_int) -> u64 {
        (0..size).fold(0, |value: u64, n| {
            let n = if is_big { n } else { size - 1 - n };
            value << 8 | u64::from(self.byte(position.wrapping_add(n as usize)))
        })
    }

    /// Pushes `size` bytes.
    fn push_text(self, position: usize, size: usize) {
        // Production reads a huge size bytewise all over the address space.
        if position.wrapping_add(size) < size && size > self.bytes.len() + LENGTH_BYTES {
            doom_outside(self.lua);
        }
        self.lua.spend(size as u64 / 16);
        match self.bytes.get(position..).and_then(|it| it.get(..size)) {
            Some(text) => self.lua.push_bytes(text),
            None => {
                // Begins before the data: two pieces, of which the first are the length's last bytes.
                let before = position.wrapping_neg();
                if !(1..=LENGTH_BYTES).contains(&before) || size < before {
                    doom_outside(self.lua);
                }
                let mut text = self.lua.buffer();
                text.add(&self.bytes.len().to_le_bytes()[LENGTH_BYTES - before..]);
                text.add(&self.bytes[..size - before]);
                text.push();
            }
        }
    }
}

/// An integer as a number; with a sign, the highest bit of `size` bytes is spread as C's shift by it does on x86-64.
fn to_number(value: u64, is_signed: bool, size: c_int) -> f64 {
    if !is_signed {
        return value as f64;
    }
    let mask = u64::MAX << (size.wrapping_mul(8).wrapping_sub(1) & 63);
    let value = if value & mask == 0 { value } else { value | mask };
    value as i64 as f64
}

host_call! {
    fn unpack(lua) {
        let mut format = Format::check(lua);
        let data = Data { lua, bytes: lua.check_bytes(2) };
        let mut position = (lua.opt_integer(3, 1) as usize).wrapping_sub(1);
        lua.set_top(2);
        while let Some((option, mut size)) = format.next(lua) {
            position = position.wrapping_add(format.padding(position, option, size));
            data.check(position, size);
            lua.check_stack(1, c"too many results");
            match option {
                b'b' | b'B' | b'h' | b'H' | b'l' | b'L' | b'T' | b'i' | b'I' => {
                    let value = data.integer(position, format.is_big, size as c_int);
                    lua.push_number(to_number(value, option.is_ascii_lowercase(), size as c_int));
                }
                b'x' => {}
                b'f' => lua.push_number(f32::from_le_bytes(data.float(&format, position)).into()),
                b'd' => lua.push_number(f64::from_le_bytes(data.float(&format, position))),
                b'c' if size == 0 => {
                    // The last result, which is the data where there is none.
                    if !lua.is_number(-1) {
                        lua.raise(format_args!("format `c0' needs a previous size"));
                    }
                    size = c_uint64(lua.to_number(-1)) as usize;
                    data.check(position, size);
                    data.push_text(position, size);
                    lua.replace(-2);
                }
                b'c' => data.push_text(position, size),
                b's' => {
                    let rest = data.bytes.get(position..).unwrap_or_default();
                    let Some(len) = memchr::memchr(0, rest) else {
                        lua.raise(format_args!("unfinished string in data"));
                    };
                    lua.spend(len as u64 / 16);
                    lua.push_bytes(&rest[..len]);
                    size = len + 1;
                }
                _ => format.control(lua, option),
            }
            position = position.wrapping_add(size);
        }
        // There may be no room for another value, but the format is not needed any more.
        lua.remove(1);
        lua.push_number(position.wrapping_add(1) as i64 as f64);
        lua.top() - 1
    }
}

host_call! {
    fn size(lua) {
        let mut format = Format::check(lua);
        let mut position = 0usize;
        while let Some((option, size)) = format.next(lua) {
            position = position.wrapping_add(format.padding(position, option, size));
            match option {
                b's' => lua.arg_error(1, c"option 's' has no fixed size"),
                b'c' if size == 0 => lua.arg_error(1, c"option 'c0' has no fixed size"),
                // Letters and digits that mean nothing are taken for items of no size.
                _ if option.is_ascii_alphanumeric() => {}
                _ => format.control(lua, option),
            }
            position = position.wrapping_add(size);
        }
        lua.push_number(position as i64 as f64);
        1
    }
}
