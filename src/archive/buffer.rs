//! One reused read buffer: the bytes of a stream that are not yet dealt with, contiguous.
//!
//! Records are decoded in place, so what is being looked at must be one slice. The buffer starts at 256 KiB and only
//! grows when a single record does not fit, up to the limit it was made with. Every byte moved within it is counted:
//! hostile input can ask for a move per byte, and the scanner puts a price on that.

use std::io::{self, Read};

/// What a buffer starts with, and what is read at once.
pub const READ_SIZE: usize = 256 * 1024;

/// A window over a stream.
#[derive(Debug)]
pub struct ReadBuffer {
    bytes: Vec<u8>,
    start: usize,
    end: usize,
    limit: usize,
    /// Offset in the stream of `bytes[0]`.
    base: u64,
    moved: u64,
}

impl ReadBuffer {
    /// An empty buffer that never holds more than `limit` bytes.
    pub fn new(limit: usize) -> Self {
        let bytes = vec![0; READ_SIZE.min(limit.max(1))];
        ReadBuffer { bytes, start: 0, end: 0, limit: limit.max(1), base: 0, moved: 0 }
    }

    /// Forgets the stream: the next byte read has offset 0.
    pub fn reset(&mut self) {
        (self.start, self.end, self.base, self.moved) = (0, 0, 0, 0);
        if self.bytes.len() > READ_SIZE {
            self.bytes.truncate(READ_SIZE);
            self.bytes.shrink_to_fit();
        }
    }

    /// The bytes that are there and not consumed.
    #[inline]
    pub fn window(&self) -> &[u8] {
        &self.bytes[self.start..self.end]
    }

    /// The last `len` bytes that were consumed; they stay readable until the next [`fill`](Self::fill).
    #[inline]
    pub fn consumed(&self, len: usize) -> &[u8] {
        &self.bytes[self.start - len..self.start]
    }

    /// Gives up the first `len` bytes of the window.
    #[inline]
    pub fn consume(&mut self, len: usize) {
        debug_assert!(len <= self.end - self.start);
        self.start += len;
    }

    /// Offset in the stream of the window's first byte.
    #[inline]
    pub fn offset(&self) -> u64 {
        self.base + self.start as u64
    }

    /// Bytes moved within the buffer so far.
    pub fn moved(&self) -> u64 {
        self.moved
    }

    /// Reads until the window holds `need` bytes; false when the stream ends before. `need` is at most the limit.
    ///
    /// # Errors
    ///
    /// What `input` answers, except `Interrupted`.
    pub fn fill(&mut self, input: &mut impl Read, need: usize) -> io::Result<bool> {
        debug_assert!(need <= self.limit);
        while self.end - self.start < need {
            if self.start == self.end {
                self.base += self.start as u64;
                (self.start, self.end) = (0, 0);
            } else if self.end == self.bytes.len() || self.start + need > self.bytes.len() {
                self.make_room(need);
            }
            match input.read(&mut self.bytes[self.end..]) {
                Ok(0) => return Ok(false),
                Ok(read) => self.end += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }

    fn make_room(&mut self, need: usize) {
        if self.start > 0 {
            self.bytes.copy_within(self.start..self.end, 0);
            self.moved += (self.end - self.start) as u64;
            self.base += self.start as u64;
            (self.start, self.end) = (0, self.end - self.start);
        }
        if self.end == self.bytes.len() {
            // By doubling, so that copying stays linear, and only when full: a header's word is not worth its memory.
            let size = need.min(self.bytes.len() * 2).min(self.limit);
            self.bytes.resize(size, 0);
        }
    }
}
