//! Writing a value as JSON: compact, in the order of the source, numbers as `RapidJSON` writes them.
//!
//! Production writes byte by byte into the output buffer and goes on when that is full: what fitted stays there. Two
//! of its ways show: a double that is infinite (`RapidJSON` reads `9e308` as such) ends the text without an error, and
//! doubles are printed by Grisu2, which the `dtoa` crate is a port of.

use super::document::{Kind, Slot, Tree};

/// Deeper values overflow production's C stack. Measured there: about 65,500 levels in a thread with 8 MiB.
const MAX_DEPTH: usize = 65_500;

/// Where the text goes.
pub trait Sink {
    /// Takes bytes; there is no answer, since production asks for none.
    fn put(&mut self, bytes: &[u8]);
}

impl Sink for Vec<u8> {
    fn put(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }
}

/// How writing ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    All,
    /// At an infinite number, after which nothing is written.
    Infinite,
    /// Nested too deep.
    Depth,
}

/// A container being written.
struct Open {
    is_object: bool,
    next: usize,
    end: usize,
}

/// Writes `root` with everything in it; `values` counts them.
pub fn write(tree: Tree<'_>, root: Slot, to: &mut impl Sink, values: &mut usize) -> Written {
    let mut open: Vec<Open> = Vec::new();
    let mut slot = root;
    loop {
        *values += 1;
        match slot.kind() {
            Kind::Object => {
                to.put(b"{");
                let next = slot.data as usize;
                open.push(Open { is_object: true, next, end: next + 2 * slot.len as usize });
            }
            Kind::Array => {
                to.put(b"[");
                let next = slot.data as usize;
                open.push(Open { is_object: false, next, end: next + slot.len as usize });
            }
            Kind::Double if !f64::from_bits(slot.data).is_finite() => return Written::Infinite,
            _ => scalar(tree, slot, to),
        }
        if open.len() > MAX_DEPTH {
            return Written::Depth;
        }
        let mut is_fresh = matches!(slot.kind(), Kind::Object | Kind::Array);
        loop {
            let Some(top) = open.last_mut() else { return Written::All };
            if top.next == top.end {
                to.put(if top.is_object { b"}" } else { b"]" });
                open.pop();
                is_fresh = false;
                continue;
            }
            if !is_fresh {
                to.put(b",");
            }
            if top.is_object {
                string(tree.string(tree.get(top.next)), to);
                to.put(b":");
                top.next += 1;
            }
            slot = tree.get(top.next);
            top.next += 1;
            break;
        }
    }
}

fn scalar(tree: Tree<'_>, slot: Slot, to: &mut impl Sink) {
    match slot.kind() {
        Kind::String => string(tree.string(slot), to),
        Kind::Double => double(f64::from_bits(slot.data), to),
        Kind::Unsigned => integer(slot.data, false, to),
        Kind::Negative => integer(slot.data.wrapping_neg(), true, to),
        Kind::True => to.put(b"true"),
        Kind::False => to.put(b"false"),
        _ => to.put(b"null"),
    }
}

/// A finite double.
fn double(value: f64, to: &mut impl Sink) {
    to.put(dtoa::Buffer::new().format_finite(value).as_bytes());
}

fn integer(mut value: u64, is_negative: bool, to: &mut impl Sink) {
    let mut text = [0; 20];
    let mut at = text.len();
    loop {
        at -= 1;
        text[at] = b'0' + (value % 10) as u8;
        value /= 10;
        if value == 0 {
            break;
        }
    }
    if is_negative {
        to.put(b"-");
    }
    to.put(&text[at..]);
}

/// A string in quotes.
fn string(text: &[u8], to: &mut impl Sink) {
    to.put(b"\"");
    let mut rest = text;
    while let Some(len) = rest.iter().position(|&it| it < 0x20 || it == b'"' || it == b'\\') {
        to.put(&rest[..len]);
        let letter = match rest[len] {
            8 => b'b',
            9 => b't',
            10 => b'n',
            12 => b'f',
            13 => b'r',
            byte @ ..0x20 => {
                const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
                let (high, low) = (DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]);
                to.put(&[b'\\', b'u', b'0', b'0', high, low]);
                rest = &rest[len + 1..];
                continue;
            }
            byte => byte,
        };
        to.put(&[b'\\', letter]);
        rest = &rest[len + 1..];
    }
    to.put(rest);
    to.put(b"\"");
}
