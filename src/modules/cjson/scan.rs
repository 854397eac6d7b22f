//! The decoder's position in the text, and the loops that decide its speed.
//!
//! A [`Cursor`] needs no bounds check to look at its byte, because its text ends in a NUL and no step goes past that.
//! All unsafe code of the decoder is in here, behind a safe interface.
#![allow(unsafe_code)]
// The steps between two calls into Lua are a handful of instructions each; calls between them would double that.
#![allow(clippy::inline_always)]

use std::{marker::PhantomData, slice};

/// A position in a text that ends in its only NUL.
#[derive(Clone, Copy)]
pub struct Cursor<'a> {
    /// From the text's first byte to its NUL.
    at: *const u8,
    /// The NUL.
    end: *const u8,
    text: PhantomData<&'a [u8]>,
}

impl<'a> Cursor<'a> {
    /// The start of `text` as far as its first NUL; without one, of an empty text.
    pub fn new(text: &'a [u8]) -> Cursor<'a> {
        let text = memchr::memchr(0, text).map_or(&b"\0"[..], |nul| &text[..=nul]);
        let range = text.as_ptr_range();
        Cursor { at: range.start, end: range.end.wrapping_sub(1), text: PhantomData }
    }

    /// Number of bytes before the NUL.
    #[inline(always)]
    pub fn len(self) -> usize {
        self.end.addr() - self.at.addr()
    }

    /// What is left of the text.
    pub fn rest(self) -> &'a [u8] {
        // SAFETY: both pointers are into one text, `at` not behind `end`.
        unsafe { slice::from_raw_parts(self.at, self.len()) }
    }

    /// The byte here, 0 at the end.
    #[inline(always)]
    pub fn byte(self) -> u8 {
        // SAFETY: `at` is a byte of the text or its NUL.
        unsafe { *self.at }
    }

    /// One byte further; stays at the end.
    #[inline(always)]
    pub fn next(self) -> Cursor<'a> {
        let step = usize::from(self.byte() != 0);
        // SAFETY: stays at the NUL; any other byte has one more behind it. (Callers have looked at the byte, so the
        // compiler knows the step.)
        unsafe { self.after_seen(step) }
    }

    /// `len` bytes further, at most to the end.
    #[inline(always)]
    pub fn after(self, len: usize) -> Cursor<'a> {
        // SAFETY: no further than the NUL.
        Cursor { at: unsafe { self.at.add(len.min(self.len())) }, ..self }
    }

    /// `len` bytes further.
    ///
    /// # Safety
    ///
    /// The text goes on for `len` bytes.
    #[inline(always)]
    unsafe fn after_seen(self, len: usize) -> Cursor<'a> {
        debug_assert!(len <= self.len());
        // SAFETY: the caller's promise.
        Cursor { at: unsafe { self.at.add(len) }, ..self }
    }

    /// The first position that holds no white space.
    #[inline(always)]
    pub fn skip_space(self) -> Cursor<'a> {
        if self.byte() > b' ' { self } else { self.skip_space_here() }
    }

    #[inline(never)]
    fn skip_space_here(mut self) -> Cursor<'a> {
        while matches!(self.byte(), b' ' | b'\t' | b'\n' | b'\r') {
            self = self.next();
        }
        self
    }

    /// Behind `word` if it stands here.
    #[inline(always)]
    pub fn strip<const N: usize>(self, word: &[u8; N]) -> Option<Cursor<'a>> {
        // SAFETY: the length is checked before the read, and `after_seen` goes as far as was read.
        unsafe { (self.len() >= N && self.at.cast::<[u8; N]>().read() == *word).then(|| self.after_seen(N)) }
    }

    /// The string behind the quote here, and the position behind its closing quote; `None` when it has escapes or no
    /// end.
    #[inline(always)]
    pub fn plain_string(self) -> Option<(&'a [u8], Cursor<'a>)> {
        let start = self.next();
        let len = start.find_quote_or_escape();
        // SAFETY: as many bytes were searched, and the byte behind them is one of the text or its NUL.
        unsafe {
            let end = start.after_seen(len);
            (end.byte() == b'"').then(|| (slice::from_raw_parts(start.at, len), end.after_seen(1)))
        }
    }

    /// Distance to the first quote or backslash, or to the end.
    #[inline(always)]
    pub fn find_quote_or_escape(self) -> usize {
        let mut len = 0;
        while self.len() - len >= BLOCK {
            // SAFETY: a block's worth of text is left.
            let found = quotes_and_escapes(unsafe { self.at.add(len).cast::<[u8; BLOCK]>().read() });
            if let Some(at) = found {
                return len + at;
            }
            len += BLOCK;
        }
        self.find_slowly(len)
    }

    #[inline(never)]
    fn find_slowly(self, from: usize) -> usize {
        let rest = self.rest().get(from..).unwrap_or_default();
        from + rest.iter().position(|it| matches!(it, b'"' | b'\\')).unwrap_or(rest.len())
    }

    /// A whole number of one to seven digits with the end of its value behind it, and the position of that end.
    #[inline(always)]
    pub fn small_number(self) -> Option<(u32, Cursor<'a>)> {
        if self.len() < 8 {
            return None;
        }
        // SAFETY: eight bytes are left.
        let word = u64::from_le_bytes(unsafe { self.at.cast::<[u8; 8]>().read() }) ^ 0x3030_3030_3030_3030;
        // The top bit of each byte that was no digit; only the first is exact, as carries run upwards.
        let others = (word.wrapping_add(0x7676_7676_7676_7676) | word) & 0x8080_8080_8080_8080;
        let bits = others.trailing_zeros() & !7;
        if bits == 0 || others == 0 {
            return None;
        }
        // SAFETY: `bits / 8` is below 8.
        let end = unsafe { self.after_seen(bits as usize / 8) };
        if !matches!(end.byte(), b',' | b'}' | b']') {
            return None;
        }
        // Zeros in front make it eight digits, which are then added up in pairs, fours and eights.
        let digits = word << (64 - bits);
        let pairs = digits.wrapping_mul(10).wrapping_add(digits >> 8);
        let high = (pairs & 0x0000_00ff_0000_00ff).wrapping_mul(0x000f_4240_0000_0064);
        let low = (pairs >> 16 & 0x0000_00ff_0000_00ff).wrapping_mul(0x0000_2710_0000_0001);
        Some(((high.wrapping_add(low) >> 32) as u32, end))
    }
}

/// As many bytes are searched at once.
const BLOCK: usize = 16;

/// The first quote or backslash in the block.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn quotes_and_escapes(block: [u8; BLOCK]) -> Option<usize> {
    use std::arch::x86_64::{__m128i, _mm_cmpeq_epi8, _mm_movemask_epi8, _mm_or_si128, _mm_set1_epi8};

    // SAFETY: every x86-64 processor has SSE2; any 16 bytes are a vector.
    let found = unsafe {
        let block = std::mem::transmute::<[u8; BLOCK], __m128i>(block);
        let quotes = _mm_cmpeq_epi8(block, _mm_set1_epi8(b'"' as i8));
        let escapes = _mm_cmpeq_epi8(block, _mm_set1_epi8(b'\\' as i8));
        _mm_movemask_epi8(_mm_or_si128(quotes, escapes))
    };
    (found != 0).then(|| found.trailing_zeros() as usize)
}

/// The first quote or backslash in the block.
#[cfg(not(target_arch = "x86_64"))]
use portable_quotes_and_escapes as quotes_and_escapes;

/// The first quote or backslash in the block, in words every compiler turns into vectors.
#[cfg(any(test, not(target_arch = "x86_64")))]
fn portable_quotes_and_escapes(block: [u8; BLOCK]) -> Option<usize> {
    let found = block.iter().rev().fold(0_u32, |res, &it| res << 1 | u32::from(matches!(it, b'"' | b'\\')));
    (found != 0).then(|| found.trailing_zeros() as usize)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The cursor's answers and those of plain loops.
    fn check(text: &[u8]) {
        let mut ended = text.to_vec();
        ended.push(0);
        let cursor = Cursor::new(&ended);
        let text = text.split(|&it| it == 0).next().unwrap_or_default();
        assert_eq!(cursor.rest(), text);
        let special = text.iter().position(|it| matches!(it, b'"' | b'\\')).unwrap_or(text.len());
        assert_eq!(cursor.find_quote_or_escape(), special, "{text:?}");
        let digits = text.iter().take_while(|it| it.is_ascii_digit()).count();
        let is_small = (1..8).contains(&digits)
            && text.len() >= 8
            && text.get(digits).is_some_and(|it| b",}]".contains(it));
        let expected = is_small.then(|| {
            (String::from_utf8_lossy(&text[..digits]).parse().expect("digits"), text.len() - digits)
        });
        assert_eq!(cursor.small_number().map(|(value, end)| (value, end.len())), expected, "{text:?}");
    }

    #[test]
    fn cursors_stop_at_the_end() {
        assert_eq!(Cursor::new(b"no end").len(), 0);
        let end = Cursor::new(b"\0more\0");
        assert_eq!((end.byte(), end.next().len(), end.len()), (0, 0, 0));
        assert!(Cursor::new(b"tru\0e\0").strip(b"true").is_none());
        assert_eq!(Cursor::new(b"true\0").strip(b"true").map(Cursor::len), Some(0));
        assert!(Cursor::new(b"\"open\0").plain_string().is_none());
    }

    proptest! {
        #[test]
        fn both_searches_agree(block in proptest::array::uniform16(0x20..0x60_u8)) {
            prop_assert_eq!(quotes_and_escapes(block), portable_quotes_and_escapes(block));
        }

        #[test]
        fn cursors_find_what_loops_find(text in proptest::collection::vec(any::<u8>(), 0..40)) {
            check(&text);
        }

        #[test]
        fn small_numbers_are_added_up(text in "[0-9]{0,9}[],}. -]?[ -~]{0,40}") {
            check(text.as_bytes());
        }
    }
}
