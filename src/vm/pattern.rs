//! Lua 5.1 pattern matching with counted work and bounded depth.
//!
//! The stock matcher runs inside one C call: no hook fires in it, so a pattern can run for ever, and it recurses on
//! the C stack, so a long pattern segfaults production. This one answers what `lstrlib.c` of 5.1.5 answers, to the
//! byte of its error texts, but pays for its work from a budget and keeps what it may come back to on a stack of its
//! own. Malformed parts of a pattern are errors only when they are reached, as there.
//!
//! Patterns are C strings in 5.1: an embedded NUL ends them. Subjects are not.

use std::fmt;

use memchr::{memchr, memmem};

use super::cformat::g14;

/// Captures one pattern may have (`LUA_MAXCAPTURES`).
pub const MAX_CAPTURES: usize = 32;

/// Pending alternatives one match may have.
///
/// Only a quantifier or a capture adds one, so only a pattern of this many quantifiers reaches it. Production's
/// recursion overflows 8 MiB of C stack before: measured on 5.1.5 (gcc -O2), `a*` repeated 100,000 times crashes, `a?`
/// and `a-` between 150,000 and 200,000. Whatever it survives passes here.
pub const MAX_DEPTH: usize = 200_000;

/// Alternatives kept without allocating: more than patterns written by hand need.
const INLINE_DEPTH: usize = 16;

/// Bracket sets remembered per matcher.
const SET_CACHE: usize = 4;

/// Bytes one step covers where the machine compares many at once (plain search, back references).
const BYTES_PER_STEP: u64 = 16;

/// Why a match was given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PatternError {
    /// `%` is the pattern's last byte.
    EndsWithPercent,
    /// A set has no closing `]`.
    MissingBracket,
    /// `%f` without a set.
    MissingFrontierSet,
    /// `%b` without its two bytes.
    Unbalanced,
    /// `%1` names no finished capture.
    InvalidCaptureIndex,
    /// `)` without `(`.
    InvalidCapture,
    /// `(` without `)`.
    UnfinishedCapture,
    /// More than [`MAX_CAPTURES`].
    TooManyCaptures,
    /// The step budget is used up; production would go on, perhaps for ever.
    StepsExhausted,
    /// More than [`MAX_DEPTH`] pending alternatives; production would crash.
    TooDeep,
}

impl PatternError {
    /// The text a script sees; the first eight are production's own (lstrlib.c 5.1.5).
    pub const fn text(self) -> &'static str {
        match self {
            Self::EndsWithPercent => "malformed pattern (ends with '%')",
            Self::MissingBracket => "malformed pattern (missing ']')",
            Self::MissingFrontierSet => "missing '[' after '%f' in pattern",
            Self::Unbalanced => "unbalanced pattern",
            Self::InvalidCaptureIndex => "invalid capture index",
            Self::InvalidCapture => "invalid pattern capture",
            Self::UnfinishedCapture => "unfinished capture",
            Self::TooManyCaptures => "too many captures",
            Self::StepsExhausted => "pattern matching exceeded its step budget",
            Self::TooDeep => "pattern too complex",
        }
    }
}

// By hand and not by thiserror: `text` must be static, so that raising it in Lua needs no allocation.
impl fmt::Display for PatternError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

impl std::error::Error for PatternError {}

/// Bytes `start..end` of the subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// Offset of the first byte, from 0.
    pub start: usize,
    /// Offset behind the last byte.
    pub end: usize,
}

/// What one capture stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CaptureValue {
    /// Text of the subject.
    Text(Span),
    /// `()`: a position counted from 1.
    Position(usize),
}

/// One capture. Zero is a value of it, so that making a matcher costs a `memset`.
#[derive(Debug, Clone, Copy)]
struct Capture {
    start: usize,
    /// `UNFINISHED`, `POSITION`, or the length plus `CLOSED`.
    extent: usize,
}

const UNFINISHED: usize = 0;
const POSITION: usize = 1;
const CLOSED: usize = 2;

/// The captures of the last match: plain data, to be copied out of the [`Matcher`].
#[derive(Debug, Clone, Copy)]
pub struct Captures {
    level: usize,
    items: [Capture; MAX_CAPTURES],
}

impl Captures {
    const NONE: Self = Self { level: 0, items: [Capture { start: 0, extent: UNFINISHED }; MAX_CAPTURES] };

    /// Captures of the pattern itself: what `string.find` returns behind its two positions.
    pub const fn level(&self) -> usize {
        self.level
    }

    /// Values of a match: a pattern without captures has one, the whole match (`match`, `gmatch`, `gsub` callbacks).
    pub fn values(&self) -> usize {
        self.level.max(1)
    }

    /// Value `index` (from 0) of the match `whole`; index 0 of a pattern without captures is `whole`.
    pub fn get(&self, index: usize, whole: Span) -> Result<CaptureValue, PatternError> {
        if index >= self.level {
            return if index == 0 {
                Ok(CaptureValue::Text(whole))
            } else {
                Err(PatternError::InvalidCaptureIndex)
            };
        }
        let Capture { start, extent } = self.items[index];
        match extent {
            UNFINISHED => Err(PatternError::UnfinishedCapture),
            POSITION => Ok(CaptureValue::Position(start + 1)),
            _ => Ok(CaptureValue::Text(Span { start, end: start + (extent - CLOSED) })),
        }
    }
}

/// Where `string.gsub` stands between two replacements; plain data.
///
/// The text between the end of one match and the start of the next is copied, and the text behind the last.
#[derive(Debug, Clone, Copy)]
pub struct GsubCursor {
    at: usize,
    /// Matches so far: the second result of `gsub`.
    pub count: i32,
    max: i32,
    is_done: bool,
}

impl GsubCursor {
    /// A cursor that stops after `max` matches (the fourth argument of `gsub`, or [`GsubCursor::default_max`]).
    pub const fn new(max: i32) -> Self {
        Self { at: 0, count: 0, max, is_done: false }
    }

    /// What a missing fourth argument means: one more than the subject has bytes, as a C `int`.
    pub const fn default_max(subject_length: usize) -> i32 {
        subject_length.wrapping_add(1) as i32
    }
}

/// 256 bits, one per byte value.
type Bits = [u64; 4];

const fn has(bits: &Bits, byte: u8) -> bool {
    (bits[(byte >> 6) as usize] >> (byte & 63)) & 1 != 0
}

const fn is_in_class(class: u8, byte: u8) -> bool {
    match class {
        b'a' => byte.is_ascii_alphabetic(),
        b'c' => byte.is_ascii_control(),
        b'd' => byte.is_ascii_digit(),
        b'l' => byte.is_ascii_lowercase(),
        b'p' => byte.is_ascii_punctuation(),
        b's' => matches!(byte, 9..=13 | b' '),
        b'u' => byte.is_ascii_uppercase(),
        b'w' => byte.is_ascii_alphanumeric(),
        b'x' => byte.is_ascii_hexdigit(),
        _ => byte == 0,
    }
}

const CLASS_NAMES: &[u8; 20] = b"acdlpsuwxzACDLPSUWXZ";

/// The C locale's classes in the order of `CLASS_NAMES`; in upper case their complements.
static CLASSES: [Bits; CLASS_NAMES.len()] = {
    let mut res = [[0; 4]; CLASS_NAMES.len()];
    let mut class = 0;
    while class < CLASS_NAMES.len() {
        let name = CLASS_NAMES[class];
        let mut byte = 0;
        while byte < 256 {
            if is_in_class(name.to_ascii_lowercase(), byte as u8) != name.is_ascii_uppercase() {
                res[class][byte >> 6] |= 1 << (byte & 63);
            }
            byte += 1;
        }
        class += 1;
    }
    res
};

/// For each byte behind `%`: its class plus 1, or 0.
static CLASS_OF_NAME: [u8; 256] = {
    let mut res = [0; 256];
    let mut class = 0;
    while class < CLASS_NAMES.len() {
        res[CLASS_NAMES[class] as usize] = class as u8 + 1;
        class += 1;
    }
    res
};

/// What matches one byte; small, because one is made for every attempt.
#[derive(Debug, Clone, Copy)]
enum Item {
    Any,
    Byte(u8),
    Class(&'static Bits),
    /// Index in the matcher's sets, valid until the next item is read.
    Set(usize),
}

impl Item {
    /// `%` and `name`: a class, its complement in upper case, else the byte itself.
    fn escaped(name: u8) -> Self {
        match CLASS_OF_NAME[usize::from(name)] {
            0 => Self::Byte(name),
            class => Self::Class(&CLASSES[usize::from(class - 1)]),
        }
    }

    #[inline]
    fn matches(self, byte: u8, sets: &[KnownSet; SET_CACHE]) -> bool {
        match self {
            Self::Any => true,
            Self::Byte(it) => it == byte,
            Self::Class(bits) => has(bits, byte),
            Self::Set(index) => has(&sets[index].bits, byte),
        }
    }

    /// How many bytes at the start of `text` match.
    fn run_length(self, text: &[u8], sets: &[KnownSet; SET_CACHE]) -> usize {
        let bits = match self {
            Self::Any => return text.len(),
            Self::Byte(byte) => return text.iter().position(|&it| it != byte).unwrap_or(text.len()),
            Self::Class(bits) => bits,
            Self::Set(index) => &sets[index].bits,
        };
        text.iter().position(|&it| !has(bits, it)).unwrap_or(text.len())
    }
}

/// A bracket set that was read: where it stands in the pattern, and what it matches.
#[derive(Debug, Clone, Copy)]
struct KnownSet {
    start: usize,
    end: usize,
    bits: Bits,
}

impl KnownSet {
    const NONE: Self = Self { start: 0, end: 0, bits: [0; 4] };
}

/// What to do when the rest of the pattern did not match: one per recursive call the C code would be inside of.
#[derive(Debug, Clone, Copy)]
enum Frame {
    /// `*` or `+`: `at` minus one byte, down to `low`.
    Longest { low: usize, at: usize, next: usize },
    /// `-`: one byte more, if `item` matches it.
    Shortest { at: usize, item: usize, next: usize },
    /// `?`: the same place without the item.
    Optional { at: usize, next: usize },
    /// `(`: forget the last capture.
    Opened,
    /// `)`: the capture is unfinished again.
    Closed(usize),
}

/// One pattern applied to one subject.
///
/// Cheap to make: a caller that must not keep destructors alive across a Lua call makes one per step.
#[derive(Debug)]
pub struct Matcher<'a> {
    subject: &'a [u8],
    pattern: &'a [u8],
    is_anchored: bool,
    /// The byte every match starts with, when the pattern says so.
    first: Option<u8>,
    steps: &'a mut u64,
    captures: Captures,
    sets: [KnownSet; SET_CACHE],
    next_set: usize,
    depth: usize,
    frames: [Frame; INLINE_DEPTH],
    /// Frames behind the inline ones.
    more_frames: Vec<Frame>,
}

impl<'a> Matcher<'a> {
    /// For `find`, `match` and `gsub`: a leading `^` anchors. `steps` is the budget, counted down.
    pub fn new(subject: &'a [u8], pattern: &'a [u8], steps: &'a mut u64) -> Self {
        match until_nul(pattern) {
            [b'^', anchored @ ..] => Self::with(subject, anchored, true, None, steps),
            pattern => Self::with(subject, pattern, false, first_byte(pattern), steps),
        }
    }

    /// For `gmatch`, where 5.1 takes `^` literally.
    pub fn for_gmatch(subject: &'a [u8], pattern: &'a [u8], steps: &'a mut u64) -> Self {
        let pattern = until_nul(pattern);
        Self::with(subject, pattern, false, first_byte(pattern), steps)
    }

    fn with(
        subject: &'a [u8],
        pattern: &'a [u8],
        is_anchored: bool,
        first: Option<u8>,
        steps: &'a mut u64,
    ) -> Self {
        Self {
            subject,
            pattern,
            is_anchored,
            first,
            steps,
            captures: Captures::NONE,
            sets: [KnownSet::NONE; SET_CACHE],
            next_set: 0,
            depth: 0,
            frames: [Frame::Opened; INLINE_DEPTH],
            more_frames: Vec::new(),
        }
    }

    /// The captures of the last match that succeeded.
    pub const fn captures(&self) -> &Captures {
        &self.captures
    }

    /// The first match at or behind offset `init` (see [`start_offset`]): `string.find` and `string.match`.
    pub fn find(&mut self, init: usize) -> Result<Option<Span>, PatternError> {
        let mut start = init;
        while let Some(candidate) = self.candidate(start)? {
            if let Some(end) = self.match_at(candidate)? {
                return Ok(Some(Span { start: candidate, end }));
            }
            if self.is_anchored {
                break;
            }
            start = candidate + 1;
        }
        Ok(None)
    }

    /// The next match of `string.gmatch`; `at` starts at 0 and is moved behind the match.
    pub fn gmatch_next(&mut self, at: &mut usize) -> Result<Option<Span>, PatternError> {
        let found = self.find(*at)?;
        if let Some(span) = found {
            *at = if span.end == span.start { span.end + 1 } else { span.end };
        }
        Ok(found)
    }

    /// The next match of `string.gsub`.
    pub fn gsub_next(&mut self, cursor: &mut GsubCursor) -> Result<Option<Span>, PatternError> {
        while !cursor.is_done && cursor.count < cursor.max {
            let Some(start) = self.candidate(cursor.at)? else { break };
            let end = self.match_at(start)?;
            // An empty match is followed by a byte that is only copied.
            cursor.at = end.filter(|&it| it > start).unwrap_or(start + 1);
            cursor.is_done = self.is_anchored || cursor.at > self.subject.len();
            if let Some(end) = end {
                cursor.count += 1;
                return Ok(Some(Span { start, end }));
            }
        }
        cursor.is_done = true;
        Ok(None)
    }

    /// The next offset from `start` on where a match is possible.
    fn candidate(&mut self, start: usize) -> Result<Option<usize>, PatternError> {
        let Some(rest) = self.subject.get(start..) else { return Ok(None) };
        let Some(first) = self.first else { return Ok(Some(start)) };
        let skipped = memchr(first, rest);
        self.charge(skipped.unwrap_or(rest.len()) as u64 / BYTES_PER_STEP)?;
        Ok(skipped.map(|it| start + it))
    }

    /// Matches the pattern at offset `start`; answers the offset behind the match.
    pub fn match_at(&mut self, start: usize) -> Result<Option<usize>, PatternError> {
        self.captures.level = 0;
        self.depth = 0;
        self.more_frames.clear();
        let mut place = Some((start, 0));
        while let Some((at, next)) = place {
            let end = self.advance(at, next)?;
            if end.is_some() {
                return Ok(end);
            }
            place = self.retreat()?;
        }
        Ok(None)
    }

    /// Goes forward from offset `s` of the subject and `p` of the pattern until the pattern ends or does not match.
    fn advance(&mut self, mut s: usize, mut p: usize) -> Result<Option<usize>, PatternError> {
        loop {
            self.charge(1)?;
            let Some(&byte) = self.pattern.get(p) else { return Ok(Some(s)) };
            let following = self.pattern.get(p + 1).copied();
            match (byte, following) {
                (b'(', Some(b')')) => {
                    self.open(s, POSITION)?;
                    p += 2;
                    continue;
                }
                (b'(', _) => {
                    self.open(s, UNFINISHED)?;
                    p += 1;
                    continue;
                }
                (b')', _) => {
                    self.close(s)?;
                    p += 1;
                    continue;
                }
                (b'%', Some(b'b')) => {
                    let Some(end) = self.balanced(s, p + 2)? else { return Ok(None) };
                    s = end;
                    p += 4;
                    continue;
                }
                (b'%', Some(b'f')) => {
                    if self.pattern.get(p + 2) != Some(&b'[') {
                        return Err(PatternError::MissingFrontierSet);
                    }
                    let index = self.set(p + 2)?;
                    let set = &self.sets[index];
                    // The subject is followed by the NUL of a C string, and so to say preceded by one.
                    let before = if s == 0 { 0 } else { self.subject[s - 1] };
                    let here = self.subject.get(s).copied().unwrap_or(0);
                    if has(&set.bits, before) || !has(&set.bits, here) {
                        return Ok(None);
                    }
                    p = set.end;
                    continue;
                }
                (b'%', Some(digit @ b'0'..=b'9')) => {
                    let Some(end) = self.same_as_capture(s, digit)? else { return Ok(None) };
                    s = end;
                    p += 2;
                    continue;
                }
                (b'$', None) => return Ok((s == self.subject.len()).then_some(s)),
                _ => {}
            }

            let (item, end) = self.item(p)?;
            let is_match = self.subject.get(s).is_some_and(|&it| item.matches(it, &self.sets));
            match self.pattern.get(end) {
                Some(b'?') => {
                    if is_match {
                        self.push(Frame::Optional { at: s, next: end + 1 })?;
                        s += 1;
                    }
                    p = end + 1;
                }
                Some(quantifier @ (b'*' | b'+')) => {
                    if *quantifier == b'+' && !is_match {
                        return Ok(None);
                    }
                    let low = s + usize::from(*quantifier == b'+');
                    s += if is_match { 1 + item.run_length(&self.subject[s + 1..], &self.sets) } else { 0 };
                    self.charge((s - low) as u64)?;
                    p = end + 1;
                    if s > low && p < self.pattern.len() {
                        self.push(Frame::Longest { low, at: s, next: p })?;
                    }
                }
                Some(b'-') => {
                    self.push(Frame::Shortest { at: s, item: p, next: end + 1 })?;
                    p = end + 1;
                }
                _ if is_match => {
                    s += 1;
                    p = end;
                }
                _ => return Ok(None),
            }
        }
    }

    /// The next place to go forward from, after a mismatch.
    fn retreat(&mut self) -> Result<Option<(usize, usize)>, PatternError> {
        while self.depth > 0 {
            match *self.top() {
                Frame::Longest { low, at, next } => {
                    let at = at - 1;
                    if at == low {
                        self.pop();
                    } else {
                        *self.top() = Frame::Longest { low, at, next };
                    }
                    return Ok(Some((at, next)));
                }
                Frame::Shortest { at, item, next } => {
                    let (it, _) = self.item(item)?;
                    if self.subject.get(at).is_some_and(|&byte| it.matches(byte, &self.sets)) {
                        *self.top() = Frame::Shortest { at: at + 1, item, next };
                        return Ok(Some((at + 1, next)));
                    }
                    self.pop();
                }
                Frame::Optional { at, next } => {
                    self.pop();
                    return Ok(Some((at, next)));
                }
                Frame::Opened => {
                    self.captures.level -= 1;
                    self.pop();
                }
                Frame::Closed(index) => {
                    self.captures.items[index].extent = UNFINISHED;
                    self.pop();
                }
            }
        }
        Ok(None)
    }

    /// The item at `p` and the offset behind it, where its quantifier is.
    fn item(&mut self, p: usize) -> Result<(Item, usize), PatternError> {
        match self.pattern[p] {
            b'.' => Ok((Item::Any, p + 1)),
            b'%' => match self.pattern.get(p + 1) {
                Some(&name) => Ok((Item::escaped(name), p + 2)),
                None => Err(PatternError::EndsWithPercent),
            },
            b'[' => self.set(p).map(|it| (Item::Set(it), self.sets[it].end)),
            byte => Ok((Item::Byte(byte), p + 1)),
        }
    }

    /// The index of the set whose `[` is at `start`.
    fn set(&mut self, start: usize) -> Result<usize, PatternError> {
        // A set that was read has an end; the empty places have none.
        if let Some(known) = self.sets.iter().position(|it| it.start == start && it.end != 0) {
            return Ok(known);
        }
        let end = set_end(self.pattern, start)?;
        self.charge((end - start) as u64)?;
        let index = self.next_set;
        self.sets[index] = KnownSet { start, end, bits: set_bits(self.pattern, start, end - 1) };
        self.next_set = (index + 1) % SET_CACHE;
        Ok(index)
    }

    fn open(&mut self, start: usize, extent: usize) -> Result<(), PatternError> {
        let level = self.captures.level;
        if level >= MAX_CAPTURES {
            return Err(PatternError::TooManyCaptures);
        }
        self.captures.items[level] = Capture { start, extent };
        self.captures.level = level + 1;
        self.push(Frame::Opened)
    }

    fn close(&mut self, end: usize) -> Result<(), PatternError> {
        let open = self.captures.items[..self.captures.level]
            .iter()
            .rposition(|it| it.extent == UNFINISHED)
            .ok_or(PatternError::InvalidCapture)?;
        let capture = &mut self.captures.items[open];
        capture.extent = CLOSED + (end - capture.start);
        self.push(Frame::Closed(open))
    }

    /// `%b`: the offset behind the balanced text at `s`; its two bytes are at `p`.
    fn balanced(&mut self, s: usize, p: usize) -> Result<Option<usize>, PatternError> {
        let (Some(&open), Some(&close)) = (self.pattern.get(p), self.pattern.get(p + 1)) else {
            return Err(PatternError::Unbalanced);
        };
        if self.subject.get(s) != Some(&open) {
            return Ok(None);
        }
        let rest = &self.subject[s + 1..];
        let mut depth = 1_usize;
        let end = rest.iter().position(|&it| {
            // The closing byte is asked for first: it may be the same as the opening one.
            if it == close {
                depth -= 1;
            } else if it == open {
                depth += 1;
            }
            depth == 0
        });
        self.charge(end.unwrap_or(rest.len()) as u64)?;
        Ok(end.map(|it| s + 1 + it + 1))
    }

    /// `%1`: the offset behind a repetition of that capture at `s`. A position capture never repeats.
    fn same_as_capture(&mut self, s: usize, digit: u8) -> Result<Option<usize>, PatternError> {
        let captures = &self.captures.items[..self.captures.level];
        let capture = usize::from(digit).checked_sub(usize::from(b'1')).and_then(|it| captures.get(it));
        let (start, length) = match capture {
            None | Some(Capture { extent: UNFINISHED, .. }) => return Err(PatternError::InvalidCaptureIndex),
            Some(Capture { extent: POSITION, .. }) => return Ok(None),
            Some(Capture { start, extent }) => (*start, extent - CLOSED),
        };
        self.charge(length as u64 / BYTES_PER_STEP)?;
        let is_same = self.subject[s..].starts_with(&self.subject[start..start + length]);
        Ok(is_same.then_some(s + length))
    }

    fn push(&mut self, frame: Frame) -> Result<(), PatternError> {
        if let Some(slot) = self.frames.get_mut(self.depth) {
            *slot = frame;
        } else if self.depth < MAX_DEPTH {
            self.more_frames.push(frame);
        } else {
            return Err(PatternError::TooDeep);
        }
        self.depth += 1;
        Ok(())
    }

    /// The last frame; there must be one.
    fn top(&mut self) -> &mut Frame {
        match self.depth.checked_sub(1 + INLINE_DEPTH) {
            Some(index) => &mut self.more_frames[index],
            None => &mut self.frames[self.depth - 1],
        }
    }

    fn pop(&mut self) {
        if self.depth > INLINE_DEPTH {
            self.more_frames.pop();
        }
        self.depth -= 1;
    }

    fn charge(&mut self, steps: u64) -> Result<(), PatternError> {
        pay(self.steps, steps)
    }
}

fn pay(budget: &mut u64, steps: u64) -> Result<(), PatternError> {
    let left = budget.checked_sub(steps);
    *budget = left.unwrap_or(0);
    left.map(|_| ()).ok_or(PatternError::StepsExhausted)
}

/// What C sees of a string.
fn until_nul(text: &[u8]) -> &[u8] {
    memchr(0, text).map_or(text, |end| &text[..end])
}

/// The byte a match of `pattern` must start with. Only plain bytes: trying no other place must not hide an error.
fn first_byte(pattern: &[u8]) -> Option<u8> {
    let (byte, quantifier) = match *pattern {
        [b'%', byte, ref rest @ ..] if !byte.is_ascii_alphanumeric() => (byte, rest.first()),
        [b'(' | b')' | b'.' | b'[' | b'$' | b'%', ..] | [] => return None,
        [byte, ref rest @ ..] => (byte, rest.first()),
    };
    (!matches!(quantifier, Some(b'*' | b'?' | b'-'))).then_some(byte)
}

/// The offset behind the `]` of the set that starts at `start`; a `]` right behind `[` or `[^` is a member.
fn set_end(pattern: &[u8], start: usize) -> Result<usize, PatternError> {
    let mut p = start + 1;
    if pattern.get(p) == Some(&b'^') {
        p += 1;
    }
    loop {
        let byte = *pattern.get(p).ok_or(PatternError::MissingBracket)?;
        p += 1;
        if byte == b'%' && p < pattern.len() {
            p += 1;
        }
        if pattern.get(p) == Some(&b']') {
            return Ok(p + 1);
        }
    }
}

/// The bytes that match the set from `start` to its `]` at `close`.
///
/// Reads the set as `matchbracketclass` does, which is not quite how `classend` finds its end: a range may end in the
/// `%` that hid a `]`, and then the `]` itself is a member.
fn set_bits(pattern: &[u8], start: usize, close: usize) -> Bits {
    let mut bits = [0; 4];
    let mut add = |byte: u8| bits[usize::from(byte >> 6)] |= 1_u64 << (byte & 63);
    let mut classes = [0; 4];
    let is_negated = pattern[start + 1] == b'^';
    let mut p = start + 1 + usize::from(is_negated);
    while p < close {
        if pattern[p] == b'%' {
            p += 1;
            match Item::escaped(pattern[p]) {
                Item::Class(class) => classes.iter_mut().zip(class).for_each(|(it, word)| *it |= word),
                _ => add(pattern[p]),
            }
        } else if pattern[p + 1] == b'-' && p + 2 < close {
            (pattern[p]..=pattern[p + 2]).for_each(&mut add);
            p += 2;
        } else {
            add(pattern[p]);
        }
        p += 1;
    }
    let mut res = bits;
    for (word, class) in res.iter_mut().zip(classes) {
        *word |= class;
        *word = if is_negated { !*word } else { *word };
    }
    res
}

/// The offset at which `find` and `match` start, from their third argument (1 when it is missing).
pub fn start_offset(init: isize, subject_length: usize) -> usize {
    let start = if init < 0 { init + subject_length as isize + 1 } else { init };
    usize::try_from(start - 1).unwrap_or(0).min(subject_length)
}

/// Whether `string.find` must treat `pattern` as one; only the part a C string has is looked at.
pub fn has_specials(pattern: &[u8]) -> bool {
    until_nul(pattern).iter().any(|it| b"^$*+?.([%-".contains(it))
}

/// The offset of `needle` at or behind `init` (at most the subject's length). All of `needle` counts, NULs too.
pub fn plain_find(
    subject: &[u8],
    init: usize,
    needle: &[u8],
    steps: &mut u64,
) -> Result<Option<usize>, PatternError> {
    let rest = subject.get(init..).unwrap_or_default();
    let found = memmem::find(rest, needle);
    let read = found.unwrap_or(rest.len()) + needle.len();
    pay(steps, 1 + read as u64 / BYTES_PER_STEP)?;
    Ok(found.map(|it| init + it))
}

/// Writes what a `gsub` replacement string makes of one match.
///
/// A `%` before anything but a digit is dropped; before the end of the string it becomes the NUL that C reads there.
pub fn expand_replacement(
    replacement: &[u8],
    subject: &[u8],
    whole: Span,
    captures: &Captures,
    steps: &mut u64,
    write: &mut impl FnMut(&[u8]),
) -> Result<(), PatternError> {
    let mut rest = replacement;
    while let Some(escape) = memchr(b'%', rest) {
        pay(steps, 1 + escape as u64 / BYTES_PER_STEP)?;
        write(&rest[..escape]);
        let name = rest.get(escape + 1).copied().unwrap_or(0);
        let value = match name {
            b'0' => CaptureValue::Text(whole),
            b'1'..=b'9' => captures.get(usize::from(name - b'1'), whole)?,
            _ => {
                write(&[name]);
                rest = rest.get(escape + 2..).unwrap_or_default();
                continue;
            }
        };
        match value {
            CaptureValue::Text(span) => write(&subject[span.start..span.end]),
            CaptureValue::Position(position) => write(&g14(position as f64)),
        }
        rest = &rest[escape + 2..];
    }
    pay(steps, 1 + rest.len() as u64 / BYTES_PER_STEP)?;
    write(rest);
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The reference: the string library of the vendored PUC Lua 5.1.5, whose lstrlib.c is production's.
    struct Reference {
        // Functions do not keep their state alive.
        _lua: mlua::Lua,
        answer: mlua::Function,
    }

    fn reference() -> Reference {
        let lua = mlua::Lua::new();
        let source = r"
            local function show(...)
                local res = {}
                for i = 1, select('#', ...) do
                    local value = select(i, ...)
                    res[i] = type(value) .. ' ' .. tostring(value)
                end
                return table.concat(res, ';')
            end
            local run = {
                find = function(s, p, x) return show(s:find(p, x)) end,
                match = function(s, p, x) return show(s:match(p, x)) end,
                gmatch = function(s, p)
                    local res, n = {}, 0
                    for a, b, c in s:gmatch(p) do
                        n = n + 1
                        res[n] = show(a, b, c)
                    end
                    return table.concat(res, '|')
                end,
                gsub = function(s, p, x) return show(s:gsub(p, x)) end,
                calls = function(s, p)
                    return show(s:gsub(p, function(...) return '<' .. show(...) .. '>' end))
                end,
            }
            return function(what, s, p, x)
                local ok, res = pcall(run[what], s, p, x)
                return ok and res or 'error: ' .. res:gsub('^script:%d+: ', '')
            end";
        let answer = lua.load(source).set_name("=script").eval().expect("the reference script is valid");
        Reference { _lua: lua, answer }
    }

    fn show_all(values: &[Option<CaptureValue>], subject: &[u8]) -> Vec<u8> {
        let show = |value: &Option<CaptureValue>| match value {
            None => b"nil nil".to_vec(),
            Some(CaptureValue::Text(span)) => [b"string ", &subject[span.start..span.end]].concat(),
            Some(CaptureValue::Position(position)) => format!("number {position}").into_bytes(),
        };
        values.iter().map(show).collect::<Vec<_>>().join(&b';')
    }

    fn values_of(
        matcher: &Matcher<'_>,
        count: usize,
        whole: Span,
    ) -> Result<Vec<Option<CaptureValue>>, PatternError> {
        (0..count).map(|index| matcher.captures().get(index, whole).map(Some)).collect()
    }

    /// What the reference script answers, made of this module.
    fn ours(what: &str, subject: &[u8], pattern: &[u8], x: Extra<'_>) -> Result<Vec<u8>, PatternError> {
        let mut steps = 100_000_000;
        let init = if let Extra::Init(init) = x { start_offset(init, subject.len()) } else { 0 };
        if what == "find" && !has_specials(pattern) {
            let found = plain_find(subject, init, pattern, &mut steps)?;
            let span = found.map(|start| (start + 1, start + pattern.len()));
            let text = span.map_or("nil nil".into(), |(start, end)| format!("number {start};number {end}"));
            return Ok(text.into_bytes());
        }
        let mut matcher = if what == "gmatch" {
            Matcher::for_gmatch(subject, pattern, &mut steps)
        } else {
            Matcher::new(subject, pattern, &mut steps)
        };
        match what {
            "find" | "match" => {
                let Some(span) = matcher.find(init)? else { return Ok(b"nil nil".to_vec()) };
                if what == "match" {
                    let values = values_of(&matcher, matcher.captures().values(), span)?;
                    return Ok(show_all(&values, subject));
                }
                let mut values = vec![
                    Some(CaptureValue::Position(span.start + 1)),
                    Some(CaptureValue::Position(span.end)),
                ];
                values.extend(values_of(&matcher, matcher.captures().level(), span)?);
                Ok(show_all(&values, subject))
            }
            "gmatch" => {
                let mut at = 0;
                let mut res = Vec::new();
                while let Some(span) = matcher.gmatch_next(&mut at)? {
                    let mut values = values_of(&matcher, matcher.captures().values(), span)?;
                    values.resize(3, None);
                    res.push(show_all(&values, subject));
                }
                Ok(res.join(&b'|'))
            }
            _ => {
                let mut cursor = GsubCursor::new(GsubCursor::default_max(subject.len()));
                let mut res = b"string ".to_vec();
                let mut copied = 0;
                while let Some(span) = matcher.gsub_next(&mut cursor)? {
                    res.extend_from_slice(&subject[copied..span.start]);
                    copied = span.end;
                    if let Extra::Replacement(text) = x {
                        let mut budget = 1_000_000;
                        let write = &mut |piece: &[u8]| res.extend_from_slice(piece);
                        expand_replacement(text, subject, span, matcher.captures(), &mut budget, write)?;
                    } else {
                        let values = values_of(&matcher, matcher.captures().values(), span)?;
                        res.extend([b"<", &show_all(&values, subject)[..], b">"].concat());
                    }
                }
                res.extend_from_slice(&subject[copied..]);
                res.extend(format!(";number {}", cursor.count).into_bytes());
                Ok(res)
            }
        }
    }

    #[derive(Debug, Clone, Copy)]
    enum Extra<'a> {
        Nothing,
        Init(isize),
        Replacement(&'a [u8]),
    }

    impl mlua::IntoLua for Extra<'_> {
        fn into_lua(self, lua: &mlua::Lua) -> mlua::Result<mlua::Value> {
            match self {
                Self::Nothing => Ok(mlua::Value::Nil),
                Self::Init(init) => init.into_lua(lua),
                Self::Replacement(text) => lua.create_string(text).map(mlua::Value::String),
            }
        }
    }

    #[track_caller]
    fn check_one(reference: &Reference, what: &str, subject: &[u8], pattern: &[u8], x: Extra<'_>) {
        let arguments = (what, mlua::BString::from(subject), mlua::BString::from(pattern), x);
        let expected: mlua::BString = reference.answer.call(arguments).expect("the reference catches errors");
        let actual =
            ours(what, subject, pattern, x).unwrap_or_else(|error| format!("error: {error}").into_bytes());
        let texts = [&expected[..], &actual[..]].map(|it| it.escape_ascii().to_string());
        let [subject, pattern] = [subject, pattern].map(|it| it.escape_ascii().to_string());
        assert_eq!(texts[1], texts[0], "{what}('{subject}', '{pattern}', {x:?})");
    }

    #[track_caller]
    fn check(reference: &Reference, subject: &[u8], pattern: &[u8], init: isize, replacement: &[u8]) {
        check_one(reference, "find", subject, pattern, Extra::Init(init));
        check_one(reference, "match", subject, pattern, Extra::Init(init));
        check_one(reference, "gmatch", subject, pattern, Extra::Nothing);
        check_one(reference, "gsub", subject, pattern, Extra::Replacement(replacement));
        check_one(reference, "calls", subject, pattern, Extra::Nothing);
    }

    #[test]
    fn patterns_answer_as_lua_does() {
        let reference = reference();
        let patterns: &[&[u8]] = &[
            b"",
            b"^",
            b"$",
            b"a",
            b"o w",
            b"^a",
            b"a$",
            b"^a$",
            b"a*",
            b"a-",
            b"a-$",
            b"a+",
            b"a?b",
            b".*",
            b".-b",
            b"^.-$",
            b"(a)(b)",
            b"()a()",
            b"(a*(.)%w(%s*))",
            b"((a)b)",
            b"(a",
            b"a)",
            b"(()",
            b"%1",
            b"(a)%1",
            b"(a%1)",
            b"()%1",
            b"%0",
            b"(.)%1",
            b"([\"'])(.-)%1",
            b"%",
            b"a%",
            b"b%",
            b"[",
            b"[a",
            b"[]",
            b"[^",
            b"[^]",
            b"[]]",
            b"[^]]",
            b"[%",
            b"[%]",
            b"[%]]",
            b"[a-",
            b"[a-]",
            b"[a-%]",
            b"[a-%]]",
            b"[a-%%]",
            b"[a-%z]",
            b"[]-a]",
            b"[^%a]",
            b"[%a_]+",
            b"[a-c-e]",
            b"[%a-z]",
            b"[--/]",
            b"%b",
            b"%b(",
            b"%b()",
            b"%bxx",
            b"%b))",
            b"%f",
            b"%fa",
            b"%f[",
            b"%f[%a]%a+",
            b"%f[%z]",
            b"%f[^%w]",
            b"%z",
            b"%Z+",
            b"%a\0%",
            b"a\0b",
            b"\0",
            b"[\0]",
            b"(%w+)%s*=%s*(%w+)",
            b"^%s*(.-)%s*$",
            b"%$",
            b"%.",
            b"a.-(b)(.-)c",
            b"%S+",
            b"%X",
            b"%p",
            b"%c",
            b"%u",
            b"%l",
            b"%d+",
            b"%x+",
            b"%q",
            b"%Q",
            b"$a",
            b"a$b",
            b"a^",
            b"*",
            b"+a",
            b"?",
            b"-",
            b"a**",
            b"a--",
            b"a??",
            b"(a?)(b?)()",
            b"\xff",
            b"[\x80-\xff]+",
            b"x*",
            b"b*",
            b"()()()()()()()()()()()()()()()()()()()()()()()()()()()()()()()()",
            b"()()()()()()()()()()()()()()()()()()()()()()()()()()()()()()()()()",
        ];
        let subjects: &[&[u8]] = &[
            b"",
            b"a",
            b"ab",
            b"aab",
            b"hello world",
            b"a.b",
            b"key = value",
            b"  x ",
            b"A1_b-2",
            b"]x",
            b"a-z%z^]",
            b"abc123",
            b"f(a(b)c)d",
            b"((a)",
            b"THE (quick) fox",
            b"<<a>>",
            b"say \"hi\" 'x'",
            b"a=1, b=2, c=3",
            b"a\0b\0",
            b"\xe9\xff\x80",
            b"aaa aaa",
            b"xaxxax",
            b"q Q",
        ];
        for pattern in patterns {
            for subject in subjects {
                check(&reference, subject, pattern, 1, b"[%0]");
                check(&reference, subject, pattern, -2, b"<%1%%%2>");
                check(&reference, subject, pattern, 99, b"%q%");
            }
        }
    }

    fn alphabet(bytes: &'static [u8], length: usize) -> impl Strategy<Value = Vec<u8>> {
        prop::collection::vec(prop::sample::select(bytes), 0..length)
    }

    /// Whole items, so that more of the patterns mean something.
    fn items() -> impl Strategy<Value = Vec<u8>> {
        let items: &[&[u8]] = &[
            b"a", b"b", b".", b"%a", b"%A", b"%s", b"[ab]", b"[^a]", b"[%w_]", b"(", b")", b"()", b"*", b"+",
            b"-", b"?", b"^", b"$", b"%1", b"%2", b"%b()", b"%bab", b"%f[a]", b"%f[%A]", b"%(", b" ", b"(a",
            b"b)", b"[a-]", b"[]", b"\0", b"%",
        ];
        prop::collection::vec(prop::sample::select(items), 0..9).prop_map(|it| it.concat())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1))]

        /// One case draws many, so that the reference is made once.
        #[test]
        fn any_pattern_answers_as_lua_does(
            drawn in prop::collection::vec(
                (alphabet(b"aab( )_1\0%", 14), prop_oneof![items(), alphabet(b"ab.%[]^$*+-?()1bf\0w", 8)], -9..9_isize, alphabet(b"a%012", 5)),
                6000,
            )
        ) {
            let reference = reference();
            for (subject, pattern, init, replacement) in drawn {
                check(&reference, &subject, &pattern, init, &replacement);
            }
        }
    }

    #[test]
    fn gsub_stops_after_its_maximum() {
        let count = |max| {
            let mut steps = 1000;
            let mut matcher = Matcher::new(b"aaaa", b"a", &mut steps);
            let mut cursor = GsubCursor::new(max);
            let mut ends = Vec::new();
            while let Some(span) = matcher.gsub_next(&mut cursor).expect("a valid pattern") {
                ends.push(span.end);
            }
            (cursor.count, ends)
        };
        assert_eq!(count(-1), (0, vec![]));
        assert_eq!(count(0), (0, vec![]));
        assert_eq!(count(2), (2, vec![1, 2]));
        assert_eq!(count(9), (4, vec![1, 2, 3, 4]));
    }

    fn find_with_budget(
        subject: &[u8],
        pattern: &[u8],
        mut steps: u64,
    ) -> (Result<Option<Span>, PatternError>, u64) {
        let res = Matcher::new(subject, pattern, &mut steps).find(0);
        (res, steps)
    }

    #[test]
    fn work_is_counted_and_bounded() {
        let text = [b'a'; 200];
        // Exponential, cubic, and long scans: each would take longer than anyone waits, or than its budget.
        let patterns: &[&[u8]] = &[b".-.-.-.-.-.-.-.-b", b"a*a*a*a*a*a*a*a*b", b"(.*)(.*)(.*)(.*)(.*)%1b"];
        for pattern in patterns {
            assert_eq!(find_with_budget(&text, pattern, 1_000_000), (Err(PatternError::StepsExhausted), 0));
        }
        let long = vec![b'('; 100_000];
        for pattern in [&b"%b()"[..], b"[%w(]-b", b"(*b"] {
            let (res, _) = find_with_budget(&long, pattern, 50_000);
            assert_eq!(res, Err(PatternError::StepsExhausted), "{}", pattern.escape_ascii());
        }
        let mut steps = 10;
        assert_eq!(plain_find(&long, 0, b"x", &mut steps), Err(PatternError::StepsExhausted));
        // The same work costs the same.
        let once = find_with_budget(b"key = value", b"(%w+)%s*=%s*(%w+)", 1000);
        assert_eq!(once, find_with_budget(b"key = value", b"(%w+)%s*=%s*(%w+)", 1000));
        assert!(once.1 < 1000);
        let (found, used) = find_with_budget(b"ab", b"b", 1000);
        assert_eq!((found, 1000 - used), (Ok(Some(Span { start: 1, end: 2 })), 2), "one item and the end");
    }

    #[test]
    fn deep_patterns_need_no_c_stack() {
        let run = || {
            let subject = vec![b'a'; MAX_DEPTH + 8];
            for quantifier in ["a?", "a-", "a*"] {
                // All that this many optional items leave: nothing, so that each stays pending.
                let deep = quantifier.repeat(MAX_DEPTH - 1);
                let res = find_with_budget(&subject, deep.as_bytes(), u64::MAX).0;
                assert!(matches!(res, Ok(Some(_))), "{quantifier}: {res:?}");
            }
            let too_deep = "a?".repeat(MAX_DEPTH + 1);
            assert_eq!(
                find_with_budget(&subject, too_deep.as_bytes(), u64::MAX).0,
                Err(PatternError::TooDeep)
            );
            // Back down from beyond the inline frames.
            let pattern = format!("^{}b", "a?".repeat(100));
            assert_eq!(
                find_with_budget(&subject[..100], pattern.as_bytes(), 1_000_000).0,
                Err(PatternError::StepsExhausted)
            );
            let pattern = format!("^{}{}$", "a?".repeat(20), "a".repeat(20));
            let res = find_with_budget(&subject[..20], pattern.as_bytes(), u64::MAX).0;
            assert_eq!(res, Ok(Some(Span { start: 0, end: 20 })));
        };
        // A small stack: the depth is on the heap.
        let thread = std::thread::Builder::new().stack_size(256 * 1024).spawn(run).expect("a thread");
        thread.join().expect("no overflow");
    }

    #[test]
    fn many_sets_evict_each_other_soundly() {
        let pattern = b"^[a][b][c][d][e][f]*[a]+[b]-[c]$";
        assert_eq!(
            find_with_budget(b"abcdeffaabbc", pattern, 10_000).0,
            Ok(Some(Span { start: 0, end: 12 }))
        );
    }
}
