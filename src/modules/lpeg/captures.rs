//! From the list of captures that a match leaves to values on the Lua stack.
//!
//! The list is in the order in which captures began: one that has others inside is followed by them and a
//! [`CaptureKind::Close`]; a short one without any is a single entry that knows its length. Values are made once the
//! match is over, so that captures of attempts that failed cost nothing; only a match-time capture evaluates what is
//! inside it while the match waits.
//!
//! The stack of a match, above its arguments: the value last used of the pattern's values (so that a fold does not
//! fetch its function again and again), the list's memory, the pattern's values, the backtrack stack's memory, then what
//! match-time captures returned. It is production's, because a script can count how much of Lua's stack is left.

use std::ffi::c_int;

use bytemuck::{Pod, Zeroable};

use super::tree::CaptureKind;
use crate::vm::{Doom, Lua, Type, lua::Buffer};

/// Levels of captures within captures that are evaluated.
const MAX_LEVEL: u32 = 200;
/// Captures that a string capture can name: `%0` to `%9`.
const MAX_TEXT_CAPTURES: usize = 10;
/// Arguments of `match` in front of those that `lpeg.Carg` names.
const FIXED_ARGUMENTS: c_int = 3;
/// Where `match` has its subject.
const SUBJECT_ARGUMENT: c_int = 2;

/// Where things are on the stack of a match.
#[derive(Clone, Copy, Debug)]
pub struct Slots {
    /// The last argument.
    pub arguments: c_int,
}

impl Slots {
    /// The value last used.
    pub const fn cache(self) -> c_int {
        self.arguments + 1
    }

    /// The list of captures, once it has outgrown the host's frame.
    pub const fn captures(self) -> c_int {
        self.arguments + 2
    }

    /// The pattern's values.
    pub const fn values(self) -> c_int {
        self.arguments + 3
    }

    /// The backtrack stack, once it has outgrown the host's frame.
    pub const fn entries(self) -> c_int {
        self.arguments + 4
    }
}

/// An entry of the list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct Capture {
    /// Where in the subject it begins; of a close, where the capture ends.
    pub at: u32,
    /// A value of the pattern, or a number.
    pub key: u16,
    kind: u8,
    /// Length and one more; 0 for a capture that has a close.
    pub size: u8,
}

impl Capture {
    /// An entry.
    #[inline]
    pub fn new(kind: CaptureKind, key: u16, at: usize, size: u8) -> Capture {
        Capture { at: at as u32, key, kind: kind as u8, size }
    }

    /// An entry of the kind with this number.
    #[inline]
    pub fn of_number(kind: u8, key: u16, at: usize, size: u8) -> Capture {
        Capture { at: at as u32, key, kind, size }
    }

    /// Of what kind it is.
    #[inline]
    pub fn kind(self) -> CaptureKind {
        CaptureKind::from_number(self.kind)
    }

    #[inline]
    fn is_close(self) -> bool {
        self.kind == CaptureKind::Close as u8
    }

    /// Whether it has no close.
    #[inline]
    fn is_full(self) -> bool {
        self.size != 0
    }

    /// Whether it waits for its close.
    #[inline]
    pub fn is_open(self) -> bool {
        self.size == 0
    }

    /// Where a full one, or what a close closes, ends.
    #[inline]
    fn end(self) -> usize {
        self.at as usize + usize::from(self.size) - 1
    }
}

/// The value that the first match-time capture in `list` is on the stack, 0 for none.
pub fn first_run_time_value(list: &[Capture]) -> c_int {
    let first = list.iter().find(|it| it.kind == CaptureKind::RunTime as u8);
    first.map_or(0, |it| c_int::from(it.key))
}

/// What a string capture can name: a piece of the subject, or an entry of the list.
#[derive(Clone, Copy)]
enum Named {
    Piece { start: usize, end: usize },
    Entry(usize),
}

/// Evaluates a list, or a part of one.
pub struct Evaluation<'l> {
    lua: Lua<'l>,
    subject: &'l [u8],
    slots: Slots,
    list: &'l [Capture],
    /// The entry to be evaluated next.
    next: usize,
    /// Which of the pattern's values is in its slot, 0 for none.
    cached: u16,
    level: u32,
}

impl<'l> Evaluation<'l> {
    /// Of `list`, from its start.
    pub fn new(lua: Lua<'l>, subject: &'l [u8], slots: Slots, list: &'l [Capture]) -> Evaluation<'l> {
        Evaluation { lua, subject, slots, list, next: 0, cached: 0, level: 0 }
    }

    /// Pushes all values, or the position `end` of the match if there are none; how many.
    pub fn push_all(&mut self, end: usize) -> c_int {
        let mut count = 0;
        while !self.entry().is_close() {
            count += self.push_next();
        }
        if count == 0 {
            self.lua.push_number((end + 1) as f64);
            count = 1;
        }
        count
    }

    /// Calls the function of the match-time capture that the last entry, not yet a close, ends at `at`. Its results are
    /// left on the stack; answers how many entries are done with and how many values of earlier ones are gone.
    pub fn call_run_time(&mut self, at: usize) -> (usize, c_int) {
        let lua = self.lua;
        let top = lua.top();
        let close = self.list.len() - 1;
        let open = self.open_of(close);
        let first_value = first_run_time_value(&self.list[open..close]);
        self.next = open;
        lua.check_stack(4, c"too many runtime captures");
        self.push_value(self.list[open].key);
        lua.push_value(SUBJECT_ARGUMENT);
        lua.push_number((at + 1) as f64);
        let arguments = self.push_nested(false);
        lua.call(arguments + 2, -1);
        // As in `function`; the match goes on with what there is.
        lua.try_stack(4);
        let mut dropped = 0;
        if first_value > 0 {
            // The results take the place of the values that were the function's arguments.
            dropped = top - first_value + 1;
            let results = lua.top() - top;
            for result in 0..results {
                lua.push_value(top + 1 + result);
                lua.replace(first_value + result);
            }
            lua.set_top(first_value + results - 1);
        }
        (close - open - 1, dropped)
    }

    // ── the list ──

    #[inline]
    fn entry(&self) -> Capture {
        self.list[self.next]
    }

    fn charge(&self, steps: usize) {
        let meter = &mut self.lua.context().meter;
        match meter.steps_left.checked_sub(steps as u64) {
            Some(left) => meter.steps_left = left,
            None => {
                meter.set_doom(Doom::Steps);
                self.lua.doom();
            }
        }
    }

    /// The open entry that the close at `close` belongs to.
    fn open_of(&self, close: usize) -> usize {
        let mut closes = 0;
        let mut at = close;
        loop {
            at -= 1;
            let entry = self.list[at];
            if entry.is_close() {
                closes += 1;
            } else if entry.is_open() {
                if closes == 0 {
                    self.charge(close - at);
                    return at;
                }
                closes -= 1;
            }
        }
    }

    /// Goes behind the next capture and all inside it.
    fn skip(&mut self) {
        let start = self.next;
        if self.entry().is_open() {
            let mut opens = 0;
            loop {
                self.next += 1;
                let entry = self.entry();
                if entry.is_close() {
                    if opens == 0 {
                        break;
                    }
                    opens -= 1;
                } else if entry.is_open() {
                    opens += 1;
                }
            }
            self.charge(self.next - start);
        }
        self.next += 1;
    }

    // ── values ──

    #[inline]
    fn push_value(&self, key: u16) {
        self.lua.raw_get_i(self.slots.values(), c_int::from(key));
    }

    /// Puts value `key` in its slot; the slot.
    fn cache(&mut self, key: u16) -> c_int {
        let slot = self.slots.cache();
        if key != self.cached {
            self.push_value(key);
            self.lua.replace(slot);
            self.cached = key;
        }
        slot
    }

    #[inline]
    fn push_piece(&self, start: usize, end: usize) {
        self.lua.push_bytes(self.subject.get(start..end).unwrap_or_default());
    }

    /// Pushes the values of what is inside the next capture, and the piece matched if there are none or `with_piece`;
    /// how many.
    fn push_nested(&mut self, with_piece: bool) -> c_int {
        let open = self.entry();
        self.next += 1;
        if open.is_full() {
            self.push_piece(open.at as usize, open.end());
            return 1;
        }
        let mut count = 0;
        while !self.entry().is_close() {
            count += self.push_next();
        }
        if with_piece || count == 0 {
            // Production does not ask, and deep nesting makes it write behind its stack.
            self.lua.check_stack(1, c"too many captures");
            self.push_piece(open.at as usize, self.entry().at as usize);
            count += 1;
        }
        self.next += 1;
        count
    }

    /// Pushes the first value of what is inside the next capture.
    fn push_first_nested(&mut self) {
        let count = self.push_nested(false);
        if count > 1 {
            self.lua.pop(count - 1);
        }
    }

    /// Pushes the values of the next capture; how many.
    fn push_next(&mut self) -> c_int {
        let lua = self.lua;
        lua.check_stack(4, c"too many captures");
        if self.level > MAX_LEVEL {
            lua.raise(format_args!("subcapture nesting too deep"));
        }
        lua.check_host_stack();
        self.charge(1);
        self.level += 1;
        let entry = self.entry();
        let count = match entry.kind() {
            CaptureKind::Position => {
                lua.push_number(f64::from(entry.at) + 1.0);
                self.next += 1;
                1
            }
            CaptureKind::Constant => {
                self.push_value(entry.key);
                self.next += 1;
                1
            }
            CaptureKind::Argument => {
                self.next += 1;
                let argument = c_int::from(entry.key);
                if argument + FIXED_ARGUMENTS > self.slots.arguments {
                    lua.raise(format_args!("reference to absent extra argument #{argument}"));
                }
                lua.push_value(argument + FIXED_ARGUMENTS);
                1
            }
            CaptureKind::Simple => {
                let count = self.push_nested(true);
                if count > 1 {
                    lua.insert(-count);
                }
                count
            }
            CaptureKind::RunTime => {
                lua.push_value(c_int::from(entry.key));
                self.next += 1;
                1
            }
            CaptureKind::Text | CaptureKind::Substitution => {
                self.push_built();
                1
            }
            CaptureKind::Group if entry.key == 0 => self.push_nested(false),
            CaptureKind::Group => {
                self.skip();
                0
            }
            CaptureKind::BackReference => self.back_reference(),
            CaptureKind::Table => self.table(),
            CaptureKind::Function => self.function(),
            CaptureKind::Number => self.number(),
            CaptureKind::Query => self.query(),
            CaptureKind::Fold => self.fold(),
            CaptureKind::Close => unreachable!("a close is not a capture"),
        };
        self.level -= 1;
        count
    }

    fn back_reference(&mut self) -> c_int {
        let current = self.next;
        self.push_value(self.entry().key);
        self.next = self.group_before(current);
        let count = self.push_nested(false);
        self.next = current + 1;
        count
    }

    /// The last finished group before entry `end` whose name is the value on top, which is dropped.
    fn group_before(&self, end: usize) -> usize {
        let lua = self.lua;
        let mut at = end;
        while at > 0 {
            at -= 1;
            let mut entry = self.list[at];
            if entry.is_close() {
                at = self.open_of(at);
                entry = self.list[at];
            } else if entry.is_open() {
                // The reference is inside it.
                continue;
            }
            if entry.kind() == CaptureKind::Group {
                self.push_value(entry.key);
                if lua.equal(-2, -1) {
                    lua.pop(2);
                    self.charge(end - at);
                    return at;
                }
                lua.pop(1);
            }
        }
        let name = lua.to_c_bytes(-1).unwrap_or(b"(null)");
        lua.raise_parts(&[b"back reference '", name, b"' not found"])
    }

    fn table(&mut self) -> c_int {
        let lua = self.lua;
        lua.new_table(0, 0);
        let open = self.entry();
        self.next += 1;
        if open.is_full() {
            return 1;
        }
        let mut len = 0;
        loop {
            let entry = self.entry();
            if entry.is_close() {
                break;
            }
            if entry.kind() == CaptureKind::Group && entry.key != 0 {
                self.push_value(entry.key);
                self.push_first_nested();
                // The table is fresh: it has no metamethods.
                lua.raw_set(-3);
            } else {
                let count = self.push_next();
                for n in (1..=count).rev() {
                    lua.raw_set_i(-(n + 1), len + n);
                }
                len += count;
            }
        }
        self.next += 1;
        1
    }

    fn query(&mut self) -> c_int {
        let lua = self.lua;
        let key = self.entry().key;
        self.push_first_nested();
        let table = self.cache(key);
        lua.get_table(table);
        if lua.type_at(-1) == Type::Nil {
            lua.pop(1);
            return 0;
        }
        1
    }

    fn fold(&mut self) -> c_int {
        let lua = self.lua;
        let open = self.entry();
        self.next += 1;
        let count = if open.is_full() || self.entry().is_close() { 0 } else { self.push_next() };
        if count == 0 {
            lua.raise(format_args!("no initial value for fold capture"));
        }
        if count > 1 {
            lua.pop(count - 1);
        }
        while !self.entry().is_close() {
            let function = self.cache(open.key);
            lua.push_value(function);
            lua.insert(-2);
            let count = self.push_next();
            lua.call(count + 1, 1);
        }
        self.next += 1;
        1
    }

    fn function(&mut self) -> c_int {
        let lua = self.lua;
        let top = lua.top();
        self.push_value(self.entry().key);
        let arguments = self.push_nested(false);
        lua.call(arguments, -1);
        // Results may have taken all the room there was.
        lua.try_stack(4);
        lua.top() - top
    }

    fn number(&mut self) -> c_int {
        let lua = self.lua;
        let number = c_int::from(self.entry().key);
        if number == 0 {
            self.skip();
            return 0;
        }
        let count = self.push_nested(false);
        if count < number {
            lua.raise(format_args!("no capture '{number}'"));
        }
        lua.push_value(-(count - number + 1));
        lua.replace(-(count + 1));
        lua.pop(count - 1);
        1
    }

    // ── strings ──

    /// Pushes the string of a string or substitution capture.
    #[inline(never)] // Its buffer is large, and captures nest.
    fn push_built(&mut self) {
        let mut buffer = self.lua.buffer();
        self.build(&mut buffer);
        buffer.push();
    }

    /// Appends the string of the next capture, which is one of the two.
    fn build(&mut self, buffer: &mut Buffer<'l>) {
        self.lua.check_host_stack();
        if self.entry().kind() == CaptureKind::Text { self.text(buffer) } else { self.substitution(buffer) }
    }

    /// Appends the first value of the next capture; whether there is one.
    fn add_next(&mut self, buffer: &mut Buffer<'l>, what: &[u8]) -> bool {
        if matches!(self.entry().kind(), CaptureKind::Text | CaptureKind::Substitution) {
            self.build(buffer);
            return true;
        }
        let lua = self.lua;
        let count = self.push_next();
        if count == 0 {
            return false;
        }
        if count > 1 {
            lua.pop(count - 1);
        }
        if !lua.is_string(-1) {
            let kind = lua.type_at(-1).name().as_bytes();
            lua.raise_parts(&[b"invalid ", what, b" value (a ", kind, b")"]);
        }
        buffer.add_value();
        true
    }

    /// Appends the piece matched by the next capture, with the captures inside it replaced by their values.
    ///
    /// Substitutions directly inside one another need no recursion: what the outer one goes on with is where the inner
    /// one ended.
    fn substitution(&mut self, buffer: &mut Buffer<'l>) {
        let mut depth = 0u32;
        loop {
            // At a substitution.
            let open = self.entry();
            self.next += 1;
            let mut copied = open.at as usize;
            if open.is_full() {
                buffer.add(self.subject.get(copied..open.end()).unwrap_or_default());
                copied = open.end();
            } else {
                depth += 1;
            }
            // Up to the next one, or the end.
            loop {
                if depth == 0 {
                    return;
                }
                self.charge(1);
                let entry = self.entry();
                buffer.add(self.subject.get(copied..entry.at as usize).unwrap_or_default());
                if entry.is_close() {
                    depth -= 1;
                    copied = entry.at as usize;
                    self.next += 1;
                } else if entry.kind() == CaptureKind::Substitution {
                    break;
                } else if self.add_next(buffer, b"replacement") {
                    copied = self.list[self.next - 1].end();
                } else {
                    copied = entry.at as usize;
                }
            }
        }
    }

    /// Appends the string of a string capture, `%n` replaced by captures.
    fn text(&mut self, buffer: &mut Buffer<'l>) {
        let lua = self.lua;
        let slot = self.cache(self.entry().key);
        let format = lua.to_bytes(slot).unwrap_or_default();
        let mut named = [Named::Entry(0); MAX_TEXT_CAPTURES];
        let count = self.name_captures(&mut named, 0);
        let mut rest = format;
        while let Some(percent) = memchr::memchr(b'%', rest) {
            buffer.add(&rest[..percent]);
            // Production reads the string's NUL behind a `%` at the end.
            let escaped = rest.get(percent + 1).copied().unwrap_or(0);
            rest = rest.get(percent + 2..).unwrap_or_default();
            if !escaped.is_ascii_digit() {
                buffer.add(&[escaped]);
                continue;
            }
            let number = usize::from(escaped - b'0');
            if number >= count {
                lua.raise(format_args!("invalid capture index ({number})"));
            }
            match named[number] {
                Named::Piece { start, end } => {
                    buffer.add(self.subject.get(start..end).unwrap_or_default());
                }
                Named::Entry(entry) => {
                    let current = std::mem::replace(&mut self.next, entry);
                    if !self.add_next(buffer, b"capture") {
                        lua.raise(format_args!("no values in capture index {number}"));
                    }
                    self.next = current;
                }
            }
        }
        buffer.add(rest);
    }

    /// Gathers what `%n` can mean from `named[count]` on: the next capture as piece, then what is inside it, simple
    /// captures likewise. Answers how many there are now.
    fn name_captures(&mut self, named: &mut [Named; MAX_TEXT_CAPTURES], count: usize) -> usize {
        let mut filled = count + 1;
        let open = self.entry();
        self.next += 1;
        if open.is_open() {
            loop {
                let entry = self.entry();
                if entry.is_close() {
                    break;
                }
                if filled >= MAX_TEXT_CAPTURES {
                    self.skip();
                } else if entry.kind() == CaptureKind::Simple {
                    filled = self.name_captures(named, filled);
                } else {
                    named[filled] = Named::Entry(self.next);
                    self.skip();
                    filled += 1;
                }
            }
            self.next += 1;
        }
        named[count] = Named::Piece { start: open.at as usize, end: self.list[self.next - 1].end() };
        filled
    }
}
