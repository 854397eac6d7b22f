//! The machine that runs compiled patterns.
//!
//! A loop over instructions with two stacks: one of entries, each a place to go on after a failure or to return to, and
//! the list of captures. Both begin in the host's frame, of production's size, and move into userdata on the Lua stack
//! when they grow, so that an error may fly over this frame at any time. Lengths and limits are production's.
//!
//! Every failure, call, jump and turn of a repetition is a step; bytes that a span consumes are counted 64 to a step.
#![allow(unsafe_code)]

use std::{
    ffi::{c_int, c_void},
    mem::MaybeUninit,
    slice,
};

use super::{
    captures::{Capture, Evaluation, Slots, first_run_time_value},
    code::{Instruction, Operation, SET_WORDS},
    pattern::Pattern,
    tree::CaptureKind,
};
use crate::vm::{Doom, Lua, REGISTRY, Type};

/// Key of the greatest number of entries in the registry.
pub const MAX_ENTRIES: &std::ffi::CStr = c"lpeg-maxstack";
/// The greatest number of entries where a script has not set another, and the number there is room for at first.
pub const DEFAULT_MAX_ENTRIES: usize = 400;
/// Captures there is room for at first.
const FIRST_CAPTURES: usize = 32;
/// What production allocates for a capture and for an entry; memory limits count it.
const CAPTURE_SIZE: usize = 16;
const ENTRY_SIZE: usize = 24;
/// Greatest number of values from a match-time capture, and of stack indices in the list.
const MAX_INDEX: c_int = i16::MAX as c_int;
/// Bytes of a span to a step.
const SPAN_SHIFT: usize = 6;

/// Where to go on.
#[derive(Clone, Copy)]
struct Entry {
    /// An index into the code, or [`Entry::GIVE_UP`].
    next: u32,
    /// The position in the subject to go back to, or [`Entry::CALL`].
    at: u32,
    /// Length of the list of captures to go back to.
    captures: u32,
}

impl Entry {
    /// The position of an entry that is a place to return to: a failure passes it over.
    const CALL: u32 = u32::MAX;
    /// Where the lowest entry leads: there is no match.
    const GIVE_UP: u32 = u32::MAX;
}

/// Matches `subject` from `start` on with `pattern`, which is compiled, and pushes the results; how many. On the stack are, above the arguments, the slots that [`Slots`] names.
pub fn run(lua: Lua<'_>, pattern: Pattern<'_>, subject: &[u8], start: usize, slots: Slots) -> c_int {
    let mut room = [const { MaybeUninit::<Capture>::uninit() }; FIRST_CAPTURES];
    let mut captures = List { place: room.as_mut_ptr().cast(), capacity: FIRST_CAPTURES, len: 0 };
    match search(lua, pattern, subject, start, slots, &mut captures) {
        Some(end) => {
            // SAFETY: the entries up to the length and a close behind them are written; the list's memory is in this
            // frame or on the stack.
            let list = unsafe { slice::from_raw_parts(captures.place, captures.len + 1) };
            Evaluation::new(lua, subject, slots, list).push_all(end)
        }
        None => {
            lua.push_nil();
            1
        }
    }
}

/// The list of captures. There is always room for one more.
struct List {
    place: *mut Capture,
    capacity: usize,
    len: usize,
}

impl List {
    /// Makes sure that there is room for `more` entries and one; whether that took memory.
    #[inline]
    fn reserve(&mut self, lua: Lua<'_>, more: usize, slots: Slots) -> bool {
        let must_grow = self.capacity - self.len <= more;
        if must_grow {
            self.grow(lua, more, slots);
        }
        must_grow
    }

    #[cold]
    fn grow(&mut self, lua: Lua<'_>, more: usize, slots: Slots) {
        let needed = self.len + more + 1;
        let max = i32::MAX as usize / CAPTURE_SIZE;
        let capacity = if needed < max / 2 { needed * 2 } else { needed };
        if capacity >= max {
            lua.raise(format_args!("too many captures"));
        }
        let place = new_block(lua, capacity * CAPTURE_SIZE).cast::<Capture>();
        // SAFETY: the block is larger than what is copied, and another.
        unsafe { place.copy_from_nonoverlapping(self.place, self.len) };
        self.place = place;
        self.capacity = capacity;
        lua.replace(slots.captures());
    }

    /// Appends an entry; whether that took memory.
    #[inline]
    fn push(&mut self, lua: Lua<'_>, capture: Capture, slots: Slots) -> bool {
        // SAFETY: there is room for one.
        unsafe { self.place.add(self.len).write(capture) };
        self.len += 1;
        self.reserve(lua, 0, slots)
    }
}

/// Pushes a userdata of zeros: images of memory are compared, its unused end included.
fn new_block(lua: Lua<'_>, size: usize) -> *mut c_void {
    let place = lua.new_userdata(size);
    // SAFETY: a fresh block of that size.
    unsafe { place.cast::<u8>().write_bytes(0, size) };
    place
}

/// The stack of entries.
struct Entries {
    base: *mut Entry,
    top: *mut Entry,
    end: *mut Entry,
}

impl Entries {
    #[cold]
    fn grow(&mut self, lua: Lua<'_>, slots: Slots) {
        // SAFETY: both are of one block.
        let len = unsafe { self.end.offset_from_unsigned(self.base) };
        lua.get_field(REGISTRY, MAX_ENTRIES);
        let max = lua.to_integer(-1) as i32;
        lua.pop(1);
        if len as i64 >= i64::from(max) {
            lua.raise(format_args!("backtrack stack overflow (current limit is {max})"));
        }
        let capacity = (2 * len).min(max as usize);
        let place = new_block(lua, capacity * ENTRY_SIZE).cast::<Entry>();
        // SAFETY: the block is larger than what is copied, and another.
        unsafe {
            place.copy_from_nonoverlapping(self.base, len);
            self.top = place.add(len);
            self.end = place.add(capacity);
        }
        self.base = place;
        lua.replace(slots.entries());
    }
}

/// Whether `byte` is in the set at `set`.
///
/// # Safety
///
/// A set's eight words are there.
#[inline]
unsafe fn is_in(set: *const u32, byte: u8) -> bool {
    // SAFETY: by this function's contract.
    unsafe { *set.add(usize::from(byte >> 5)) >> (byte & 31) & 1 != 0 }
}

fn steps_left(lua: Lua<'_>) -> i64 {
    i64::try_from(lua.context().meter.steps_left).unwrap_or(i64::MAX)
}

fn keep_steps(lua: Lua<'_>, steps: i64) {
    lua.context().meter.steps_left = steps.max(0) as u64;
}

#[cold]
fn out_of_steps(lua: Lua<'_>) -> ! {
    lua.context().meter.steps_left = 0;
    lua.context().meter.set_doom(Doom::Steps);
    lua.doom()
}

/// The pattern's code. It is never changed, only freed by the finalizer, which a script can call.
#[inline]
fn code_of(lua: Lua<'_>, pattern: Pattern<'_>) -> *const u32 {
    match pattern.code() {
        Some(code) => code.as_ptr(),
        None => freed_code(lua),
    }
}

#[cold]
fn freed_code(lua: Lua<'_>) -> ! {
    lua.context().meter.set_doom(Doom::Assertion("lpeg: the code of a pattern was freed while it ran"));
    lua.doom()
}

/// Production asserts that it has not more values of match-time captures than captures.
#[cold]
fn forgotten_values(lua: Lua<'_>) -> ! {
    lua.context()
        .meter
        .set_doom(Doom::Assertion("lpeg: a match-time capture in a predicate returned values"));
    lua.doom()
}

/// The position where the match ends; the captures are in `captures`, followed by a close.
#[inline(never)] // The entries' frame must be gone when captures are evaluated.
fn search(
    lua: Lua<'_>,
    pattern: Pattern<'_>,
    subject: &[u8],
    start: usize,
    slots: Slots,
    captures: &mut List,
) -> Option<usize> {
    let mut room = [const { MaybeUninit::<Entry>::uninit() }; DEFAULT_MAX_ENTRIES];
    let base: *mut Entry = room.as_mut_ptr().cast();
    // SAFETY: one behind the end of the array.
    let end = unsafe { base.add(DEFAULT_MAX_ENTRIES) };
    let mut entries = Entries { base, top: base, end };
    let mut list = List { ..*captures };
    let (bytes, len) = (subject.as_ptr(), subject.len());
    let mut first = code_of(lua, pattern);
    let mut next = first;
    let mut at = start;
    // Values of match-time captures on the stack.
    let mut values: c_int = 0;
    let mut steps = steps_left(lua);

    macro_rules! step {
        ($count:expr) => {
            steps -= $count;
            if steps < 0 {
                out_of_steps(lua);
            }
        };
    }
    // After anything that may have run Lua code: a script can have the code freed, and compiled again.
    macro_rules! find_code {
        () => {
            let place = next.offset_from_unsigned(first);
            first = code_of(lua, pattern);
            next = first.add(place);
        };
    }
    macro_rules! capture {
        ($capture:expr) => {
            if list.push(lua, $capture, slots) {
                find_code!();
            }
        };
    }
    macro_rules! push {
        ($entry:expr) => {
            if entries.top == entries.end {
                keep_steps(lua, steps);
                entries.grow(lua, slots);
                find_code!();
            }
            entries.top.write($entry);
            entries.top = entries.top.add(1);
        };
    }

    // SAFETY: for all of the loop, the code is what `compile` makes, so that instructions are complete, targets are
    // instructions, every entry dropped was made before, and `next` never leaves it. Positions are at most `len`, and
    // bytes are read below it only. Entries are written below `end`, and captures where `reserve` has made room.
    unsafe {
        push!(Entry { next: Entry::GIVE_UP, at: at as u32, captures: 0 });
        loop {
            'fail: {
                loop {
                    let word = Instruction(*next);
                    match std::mem::transmute::<u8, Operation>(word.0 as u8) {
                        Operation::Any => {
                            if at >= len {
                                break 'fail;
                            }
                            at += 1;
                            next = next.add(1);
                        }
                        Operation::Char => {
                            if at >= len || *bytes.add(at) != word.byte() {
                                break 'fail;
                            }
                            at += 1;
                            next = next.add(1);
                        }
                        Operation::Set => {
                            if at >= len || !is_in(next.add(1), *bytes.add(at)) {
                                break 'fail;
                            }
                            at += 1;
                            next = next.add(1 + SET_WORDS);
                        }
                        Operation::TestAny => {
                            next = if at < len { next.add(2) } else { first.add(*next.add(1) as usize) };
                        }
                        Operation::TestChar => {
                            next = if at < len && *bytes.add(at) == word.byte() {
                                next.add(2)
                            } else {
                                first.add(*next.add(1) as usize)
                            };
                        }
                        Operation::TestSet => {
                            next = if at < len && is_in(next.add(2), *bytes.add(at)) {
                                next.add(2 + SET_WORDS)
                            } else {
                                first.add(*next.add(1) as usize)
                            };
                        }
                        Operation::Span => {
                            let begin = at;
                            while at < len && is_in(next.add(1), *bytes.add(at)) {
                                at += 1;
                            }
                            steps -= ((at - begin) >> SPAN_SHIFT) as i64;
                            next = next.add(1 + SET_WORDS);
                        }
                        Operation::SpanUntil => {
                            let rest = slice::from_raw_parts(bytes.add(at), len - at);
                            let found = memchr::memchr(word.byte(), rest).unwrap_or(rest.len());
                            at += found;
                            steps -= (found >> SPAN_SHIFT) as i64;
                            next = next.add(1 + SET_WORDS);
                        }
                        Operation::Behind => {
                            let back = usize::from(word.byte());
                            if back > at {
                                break 'fail;
                            }
                            at -= back;
                            next = next.add(1);
                        }
                        Operation::Jump => {
                            step!(1);
                            next = first.add(*next.add(1) as usize);
                        }
                        Operation::Choice => {
                            let target = *next.add(1);
                            push!(Entry { next: target, at: at as u32, captures: list.len as u32 });
                            next = next.add(2);
                        }
                        Operation::Call => {
                            step!(1);
                            let behind = next.offset_from_unsigned(first) as u32 + 2;
                            push!(Entry { next: behind, at: Entry::CALL, captures: 0 });
                            next = first.add(*next.add(1) as usize);
                        }
                        Operation::Return => {
                            entries.top = entries.top.sub(1);
                            next = first.add((*entries.top).next as usize);
                        }
                        Operation::Commit => {
                            entries.top = entries.top.sub(1);
                            next = first.add(*next.add(1) as usize);
                        }
                        Operation::PartialCommit => {
                            step!(1);
                            let entry = entries.top.sub(1);
                            (*entry).at = at as u32;
                            (*entry).captures = list.len as u32;
                            next = first.add(*next.add(1) as usize);
                        }
                        Operation::BackCommit => {
                            entries.top = entries.top.sub(1);
                            at = (*entries.top).at as usize;
                            list.len = (*entries.top).captures as usize;
                            // Values of match-time captures in the predicate stay on the stack.
                            if values as usize > list.len {
                                forgotten_values(lua);
                            }
                            next = first.add(*next.add(1) as usize);
                        }
                        Operation::FailTwice => {
                            entries.top = entries.top.sub(1);
                            break 'fail;
                        }
                        Operation::Fail => break 'fail,
                        Operation::FullCapture => {
                            let size = word.capture_len();
                            let start = at - usize::from(size);
                            let capture =
                                Capture::of_number(word.capture_kind(), word.key(), start, size + 1);
                            capture!(capture);
                            next = next.add(1);
                        }
                        Operation::OpenCapture => {
                            let capture = Capture::of_number(word.capture_kind(), word.key(), at, 0);
                            capture!(capture);
                            next = next.add(1);
                        }
                        Operation::CloseCapture => {
                            // A short capture with nothing inside needs no close.
                            let last = list.place.add(list.len - 1);
                            if (*last).is_open() && at - ((*last).at as usize) < 255 {
                                (*last).size = (at - (*last).at as usize + 1) as u8;
                            } else {
                                capture!(Capture::new(CaptureKind::Close, 0, at, 1));
                            }
                            next = next.add(1);
                        }
                        Operation::CloseRunTime => {
                            keep_steps(lua, steps);
                            let found = call_run_time(lua, subject, &mut list, at, &mut values, slots);
                            steps = steps_left(lua);
                            step!(1);
                            find_code!();
                            let Some(found) = found else { break 'fail };
                            at = found;
                            next = next.add(1);
                        }
                        Operation::End => {
                            keep_steps(lua, steps);
                            list.place.add(list.len).write(Capture::new(CaptureKind::Close, 0, at, 1));
                            *captures = list;
                            return Some(at);
                        }
                        Operation::OpenCall => unreachable!("calls are closed"),
                    }
                }
            }
            step!(1);
            loop {
                entries.top = entries.top.sub(1);
                if (*entries.top).at != Entry::CALL {
                    break;
                }
            }
            let entry = *entries.top;
            if values > 0 {
                let tried = slice::from_raw_parts(
                    list.place.add(entry.captures as usize),
                    list.len - entry.captures as usize,
                );
                step!(tried.len() as i64 >> SPAN_SHIFT);
                let first_value = first_run_time_value(tried);
                if first_value > 0 {
                    values -= lua.top() - first_value + 1;
                    lua.set_top(first_value - 1);
                }
            }
            if entry.next == Entry::GIVE_UP {
                keep_steps(lua, steps);
                return None;
            }
            at = entry.at as usize;
            list.len = entry.captures as usize;
            next = first.add(entry.next as usize);
        }
    }
}

/// Ends a match-time capture at `at`: calls its function, and puts what it returns in the list in place of what was
/// captured inside. Answers where the match goes on, or that it fails.
#[inline(never)]
fn call_run_time(
    lua: Lua<'_>,
    subject: &[u8],
    list: &mut List,
    at: usize,
    values: &mut c_int,
    slots: Slots,
) -> Option<usize> {
    let top = lua.top();
    // SAFETY: there is room for one more entry; the list's memory stays while the function runs, because nothing but
    // this match has it.
    let entries = unsafe {
        list.place.add(list.len).write(Capture::new(CaptureKind::Close, 0, at, 1));
        slice::from_raw_parts(list.place, list.len + 1)
    };
    let (done, dropped) = Evaluation::new(lua, subject, slots, entries).call_run_time(at);
    list.len -= done;
    *values -= dropped;
    let result = top + 1 - dropped;
    let next = match lua.type_at(result) {
        Type::None | Type::Nil => None,
        Type::Boolean => lua.to_boolean(result).then_some(at),
        _ => {
            let position = lua.to_integer(result).wrapping_sub(1);
            match usize::try_from(position) {
                Ok(position) if (at..=subject.len()).contains(&position) => Some(position),
                _ => lua.raise(format_args!("invalid position returned by match-time capture")),
            }
        }
    };
    let Some(next) = next else {
        lua.set_top(result - 1);
        return None;
    };
    lua.remove(result);
    let count = lua.top() - result + 1;
    *values += count;
    if count == 0 {
        // Nothing is left of the capture.
        list.len -= 1;
        return Some(next);
    }
    if result + count >= MAX_INDEX {
        lua.raise(format_args!("too many results in match-time capture"));
    }
    list.reserve(lua, count as usize + 1, slots);
    // SAFETY: `reserve` has made room; the open group is the last entry.
    unsafe {
        (*list.place.add(list.len - 1)).key = 0;
        for n in 0..count {
            let value = Capture::new(CaptureKind::RunTime, (result + n) as u16, next, 1);
            list.place.add(list.len + n as usize).write(value);
        }
        list.len += count as usize;
        list.place.add(list.len).write(Capture::new(CaptureKind::Close, 0, next, 1));
    }
    list.len += 1;
    Some(next)
}
