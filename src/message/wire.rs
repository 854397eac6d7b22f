//! Protobuf primitives as production reads and writes them (`lua_sandbox` `src/util/protobuf.c`).

use super::{RECORD_SEPARATOR, UNIT_SEPARATOR};

/// A varint is at most this long.
const MAX_VARINT_BYTES: usize = 10;

/// Reads a varint at `at`; the value and the offset after it, or `None` when it runs past the end of `bytes` or is
/// longer than ten bytes. Bits above the 64th are lost, as in production.
#[inline]
pub fn read_varint(bytes: &[u8], at: usize) -> Option<(i64, usize)> {
    let rest = bytes.get(at..)?;
    if let Some(&first) = rest.first()
        && first < 0x80
    {
        return Some((i64::from(first), at + 1));
    }
    let mut value = 0u64;
    for (i, &byte) in rest.iter().take(MAX_VARINT_BYTES).enumerate() {
        value |= u64::from(byte & 0x7f).wrapping_shl(7 * i as u32);
        if byte < 0x80 {
            return Some((value as i64, at + i + 1));
        }
    }
    None
}

/// Appends `value` as a varint, one to ten bytes.
#[inline]
pub fn write_varint(out: &mut Vec<u8>, mut value: u64) {
    while value > 0x7f {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Appends the minimal frame header for a message of `len` bytes: separator, header length, `message_length`,
/// separator (`heka_message.c:581-589`).
pub fn write_frame_header(out: &mut Vec<u8>, len: usize) {
    out.extend_from_slice(&[RECORD_SEPARATOR, 0, 0x08]);
    let start = out.len();
    write_varint(out, len as u64);
    out[start - 2] = (out.len() - start + 1) as u8;
    out.push(UNIT_SEPARATOR);
}
