//! The output buffer a sandbox shares between payload, encoding, printing and preservation.
//!
//! Production's buffer (`lua_sandbox` `src/util/output_buffer.c`) doubles up to `output_limit`; every write first makes
//! sure of room, often for more than it then uses. Which write fails is therefore decided by those reservations, so
//! they are kept here, write by write.

use crate::{message::write_varint, vm::cformat};

/// A write did not fit `output_limit`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full;

/// The longest varint; each varint write reserves this much.
const MAX_VARINT_BYTES: usize = 10;

/// Bytes under construction, bounded by a limit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OutputBuffer {
    bytes: Vec<u8>,
    limit: usize,
}

impl OutputBuffer {
    /// An empty buffer for at most `limit` bytes, 0 for no limit.
    pub fn new(limit: usize) -> OutputBuffer {
        OutputBuffer { bytes: Vec::new(), limit }
    }

    /// What has been written.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Number of bytes written.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether nothing has been written.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Forgets everything written; the memory stays.
    pub fn clear(&mut self) {
        self.bytes.clear();
    }

    /// Cuts back to the first `len` bytes.
    pub fn truncate(&mut self, len: usize) {
        self.bytes.truncate(len);
    }

    /// Replaces everything written by what a native module left in its own buffer, which kept the limit itself.
    pub fn replace(&mut self, written: &[u8]) {
        self.bytes.clear();
        self.bytes.extend_from_slice(written);
    }

    /// The most bytes it may hold, 0 for no limit.
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// Takes the limit off, as production does before it preserves.
    pub fn unlimit(&mut self) {
        self.limit = 0;
    }

    /// Makes sure that `needed` more bytes may be written.
    #[inline]
    pub fn reserve(&self, needed: usize) -> Result<(), Full> {
        if self.limit != 0 && needed + self.bytes.len() > self.limit { Err(Full) } else { Ok(()) }
    }

    /// Appends text. One byte more must fit: production keeps a NUL behind it.
    #[inline]
    pub fn text(&mut self, bytes: &[u8]) -> Result<(), Full> {
        self.reserve(bytes.len() + 1)?;
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    /// Appends one byte of text.
    #[inline]
    pub fn byte(&mut self, byte: u8) -> Result<(), Full> {
        self.reserve(2)?;
        self.bytes.push(byte);
        Ok(())
    }

    /// Appends all that `write` appends, or nothing (`lsb_outputf`).
    pub fn formatted(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> Result<(), Full> {
        let start = self.bytes.len();
        write(&mut self.bytes);
        self.check_text(start)
    }

    /// Appends a number as payloads show it (`lsb_outputd`).
    #[inline]
    pub fn number(&mut self, number: f64) -> Result<(), Full> {
        let start = self.bytes.len();
        cformat::payload_number(number, &mut self.bytes);
        self.check_text(start)
    }

    /// Appends a number as state files hold it (`lsb_serialize_double`).
    pub fn serialized_number(&mut self, number: f64) -> Result<(), Full> {
        let start = self.bytes.len();
        cformat::serialize_number(number, &mut self.bytes);
        self.check_text(start)
    }

    /// Appends bytes as they stand in a string of a state file (`lsb_serialize_binary`): most of them as they are.
    pub fn serialized_bytes(&mut self, bytes: impl IntoIterator<Item = u8>) -> Result<(), Full> {
        for byte in bytes {
            match byte {
                b'\n' => self.text(b"\\n")?,
                b'\r' => self.text(b"\\r")?,
                b'"' => self.text(b"\\\"")?,
                b'\\' => self.text(b"\\\\")?,
                _ => self.byte(byte)?,
            }
        }
        Ok(())
    }

    /// Takes back what was written since `start` if it breaks the limit, its NUL included.
    fn check_text(&mut self, start: usize) -> Result<(), Full> {
        if self.limit != 0 && self.bytes.len() + 1 > self.limit {
            self.bytes.truncate(start);
            return Err(Full);
        }
        Ok(())
    }

    // ── protobuf (lua_sandbox src/util/protobuf.c) ──

    /// Appends a key.
    #[inline]
    pub fn key(&mut self, tag: u8, wire_type: u8) -> Result<(), Full> {
        self.reserve(1)?;
        self.bytes.push(wire_type | (tag << 3));
        Ok(())
    }

    /// Appends a varint; ten bytes must fit.
    #[inline]
    pub fn varint(&mut self, value: u64) -> Result<(), Full> {
        self.reserve(MAX_VARINT_BYTES)?;
        write_varint(&mut self.bytes, value);
        Ok(())
    }

    /// Appends a bool's byte.
    pub fn bool(&mut self, value: bool) -> Result<(), Full> {
        self.reserve(1)?;
        self.bytes.push(u8::from(value));
        Ok(())
    }

    /// Appends a double, little endian.
    pub fn double(&mut self, value: f64) -> Result<(), Full> {
        self.reserve(8)?;
        self.bytes.extend_from_slice(&value.to_le_bytes());
        Ok(())
    }

    /// Appends key, length and bytes.
    #[inline]
    pub fn string(&mut self, tag: u8, bytes: &[u8]) -> Result<(), Full> {
        self.key(tag, 2)?;
        self.varint(bytes.len() as u64)?;
        self.raw(bytes)
    }

    /// Appends bytes without room for a NUL.
    pub fn raw(&mut self, bytes: &[u8]) -> Result<(), Full> {
        self.reserve(bytes.len())?;
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    /// Replaces the one-byte length at `at` by the length of everything behind it, making room where the varint
    /// needs more. Fails where nothing is behind it: a circular buffer without deltas empties the whole buffer.
    pub fn update_length(&mut self, at: usize) -> Result<(), Full> {
        let Some(len) = self.bytes.len().checked_sub(at + 1) else { return Err(Full) };
        if len < 0x80 {
            self.bytes[at] = len as u8;
            return Ok(());
        }
        let mut varint = Vec::with_capacity(MAX_VARINT_BYTES);
        write_varint(&mut varint, len as u64);
        self.reserve(varint.len() - 1)?;
        self.bytes.splice(at..=at, varint);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{Full, OutputBuffer};

    #[test]
    fn text_leaves_room_for_a_nul() {
        let mut buffer = OutputBuffer::new(4);
        assert_eq!(buffer.text(b"abcd"), Err(Full));
        assert_eq!(buffer.text(b"abc"), Ok(()));
        assert_eq!(buffer.text(b""), Ok(()));
        assert_eq!(buffer.byte(b'd'), Err(Full));
    }

    #[test]
    fn varints_reserve_ten_bytes() {
        let mut buffer = OutputBuffer::new(10);
        assert_eq!(buffer.varint(1), Ok(()));
        assert_eq!(buffer.varint(1), Err(Full));
        assert_eq!(buffer.len(), 1);
    }

    #[test]
    fn length_moves_the_tail() {
        let mut buffer = OutputBuffer::new(0);
        buffer.varint(0).unwrap();
        buffer.raw(&[7; 300]).unwrap();
        buffer.update_length(0).unwrap();
        assert_eq!(buffer.as_bytes()[..3], [0xac, 0x02, 7]);
        assert_eq!(buffer.len(), 302);
    }
}
