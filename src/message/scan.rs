//! The fast half of decoding: messages as production writes them, with raw pointers.
//!
//! [`scan`] walks the items of a record in production's order with lengths of one byte and stops at the first item
//! that is anything else: out of order, long, unknown, damaged, or too close to the end. It has then decoded a prefix
//! of the record, and the plain decoder in `decode` goes on from there. So validity is decided in one place: whatever
//! is accepted here must be what that decoder accepts, which the property test at the end of this file compares, and
//! nothing is ever refused here.
//!
//! Bounds are checked once per item instead of once per byte, which is what slices would cost; this and the missing
//! state machine halve the instructions of a message, and every message of an archive comes through here.
#![allow(unsafe_code)]

use std::hint::cold_path;

use super::{
    MessageIndex, UUID_SIZE,
    decode::{FieldSpan, Span},
    wire::read_varint,
};

/// How far a record was decoded.
pub(super) struct Scanned {
    /// The offset behind the last item that was decoded.
    pub(super) at: usize,
    /// Whether one of them was the Timestamp.
    pub(super) has_timestamp: bool,
}

/// By value key: how many bytes from the key to the values, or [`OTHER`].
static VALUE_OFFSETS: [u8; 256] = {
    let mut offsets = [OTHER; 256];
    // Strings and bytes keep their keys.
    offsets[0x22] = 0;
    offsets[0x2a] = 0;
    // One integer, double, bool.
    offsets[0x30] = 1;
    offsets[0x39] = 1;
    offsets[0x40] = 1;
    // Packed ones, behind their length.
    offsets[0x32] = 2;
    offsets[0x3a] = 2;
    offsets[0x42] = 2;
    offsets
};
/// Leads out of any field that is scanned.
const OTHER: u8 = u8::MAX;

/// The Uuid with its key and length, a Timestamp of ten bytes and its key, and four bytes to look at.
const MIN_RECORD: usize = 2 + UUID_SIZE + 1 + 10 + 4;

/// Decodes the items at the start of `raw` into `index`, which is cleared. See the module for what stops it.
#[inline]
pub(super) fn scan(raw: &[u8], index: &mut MessageIndex) -> Scanned {
    let end = raw.len();
    let base = raw.as_ptr();
    if end < MIN_RECORD {
        return Scanned { at: 0, has_timestamp: false };
    }
    /// The bytes at an offset, as a little-endian number.
    macro_rules! load {
        ($type:ty, $at:expr) => {{
            debug_assert!($at + size_of::<$type>() <= end);
            // SAFETY: every use is behind a comparison of the end of these bytes with `end`, or with a field's end that
            // was compared with `end`. The address needs no alignment.
            <$type>::from_le(unsafe { base.add($at).cast::<$type>().read_unaligned() })
        }};
    }
    if load!(u16, 0) != KEY_AND_UUID_SIZE || load!(u8, 18) != 0x10 {
        return Scanned { at: 0, has_timestamp: false };
    }
    index.uuid = Span::new(2, UUID_SIZE);
    let low = load!(u64, 19);
    let high = load!(u8, 27);
    let mut at;
    if low & CONTINUED == CONTINUED && high < 0x80 {
        // Nine bytes: any time from 1972 to 2116.
        index.timestamp = (join_sevens(low) | u64::from(high) << 56) as i64;
        at = 28;
    } else {
        let Some((timestamp, next)) = read_varint(raw, 19) else {
            return Scanned { at: 18, has_timestamp: false };
        };
        index.timestamp = timestamp;
        at = next;
    }
    // From here on four bytes can be read at `at` wherever a header is looked for: MIN_RECORD covers the longest
    // Timestamp, and a header is only taken when four bytes follow it.
    let limit = end - 4;
    macro_rules! string {
        ($key:literal, $span:ident) => {
            if load!(u8, at) == $key {
                let len = usize::from(load!(u8, at + 1));
                let next = at + 2 + len;
                // Two branches that are never taken cost less than one condition made of both.
                if len >= 0x80 {
                    cold_path();
                    return Scanned { at, has_timestamp: true };
                }
                if next > limit {
                    cold_path();
                    return Scanned { at, has_timestamp: true };
                }
                index.$span = Span::new(at + 2, len);
                at = next;
            }
        };
    }
    macro_rules! integer {
        ($key:literal, $value:ident) => {{
            let is_it = load!(u8, at) == $key;
            if is_it {
                let head = load!(u32, at);
                let (value, next) = if head & 0x8000 == 0 {
                    (head >> 8 & 0x7f, at + 2)
                } else if head & 0x0080_0000 == 0 {
                    (head >> 8 & 0x7f | head >> 9 & 0x3f80, at + 3)
                } else {
                    let Some((value, next)) = read_varint(raw, at + 1) else {
                        return Scanned { at, has_timestamp: true };
                    };
                    (value as u32, next)
                };
                if next > limit {
                    return Scanned { at, has_timestamp: true };
                }
                index.$value = value as i32;
                at = next;
            }
            is_it
        }};
    }
    string!(0x1a, type_);
    string!(0x22, logger);
    index.has_severity = integer!(0x28, severity);
    string!(0x32, payload);
    string!(0x3a, env_version);
    integer!(0x40, pid);
    string!(0x4a, hostname);

    loop {
        let (next, is_full) = scan_fields(raw, at, &mut index.fields);
        at = next;
        if !is_full {
            return Scanned { at, has_timestamp: true };
        }
        index.fields.reserve(8);
    }
}

/// Appends the fields at `at` as long as there is room for them. The offset behind them, and whether room is what
/// ended it.
#[inline]
fn scan_fields(raw: &[u8], mut at: usize, fields: &mut Vec<FieldSpan>) -> (usize, bool) {
    let end = raw.len();
    let Some(limit) = end.checked_sub(4) else { return (at, false) };
    let base = raw.as_ptr();
    macro_rules! load {
        ($type:ty, $at:expr) => {{
            debug_assert!($at + size_of::<$type>() <= end);
            // SAFETY: as in `scan`.
            <$type>::from_le(unsafe { base.add($at).cast::<$type>().read_unaligned() })
        }};
    }
    let room = fields.spare_capacity_mut();
    let room = room.as_mut_ptr_range();
    let mut field = room.start.cast::<FieldSpan>();
    let mut count = 0;
    let is_full = loop {
        if at > limit {
            break false;
        }
        // The field's key and length, its name's key and length.
        let head = load!(u32, at);
        if head & 0x80ff_80ff != 0x000a_0052 {
            break false;
        }
        // Two bytes before the field's end, which every later comparison leaves to be read at `inside`.
        let last = at + (head >> 8 & 0xff) as usize;
        let name_len = (head >> 24) as usize;
        let mut inside = at + 4 + name_len;
        if inside > last || last + 2 > end {
            break false;
        }
        if field == room.end.cast() {
            break true;
        }
        /// Writes one member of the field.
        macro_rules! set {
            ($member:ident, $value:expr) => {
                // SAFETY: `field` is in the buffer's room: it started there and is not at its end.
                unsafe { (&raw mut (*field).$member).write($value) }
            };
        }
        set!(name, Span::new(at + 4, name_len));
        set!(representation, Span::ABSENT);
        set!(value_type, 0);
        let mut key = load!(u8, inside);
        if key != 0x22 {
            if key == 0x10 {
                let value_type = load!(u8, inside + 1);
                set!(value_type, i32::from(value_type));
                inside += 2;
                if value_type >= 0x80 {
                    cold_path();
                    break false;
                }
                if inside > last {
                    cold_path();
                    break false;
                }
                key = load!(u8, inside);
            }
            // A field is shorter than 128 bytes, so a length of more than one byte is also one that leads out of it.
            if key == 0x1a {
                let len = usize::from(load!(u8, inside + 1));
                set!(representation, Span::new(inside + 2, len));
                inside += 2 + len;
                if inside > last {
                    break false;
                }
                key = load!(u8, inside);
            }
            let offset = usize::from(VALUE_OFFSETS[usize::from(key)]);
            let len = usize::from(load!(u8, inside + 1));
            inside += offset;
            if offset >= 2 && inside + len > last + 2 {
                break false;
            }
        }
        set!(value, Span::new(inside, last + 2 - inside));
        count += 1;
        // SAFETY: behind an element of the room is still the room or its end.
        field = unsafe { field.add(1) };
        at = last + 2;
    };
    // SAFETY: `count` elements behind the old length were written above, all of their members.
    unsafe { fields.set_len(fields.len() + count) };
    (at, is_full)
}

/// `0a 10`.
const KEY_AND_UUID_SIZE: u16 = (UUID_SIZE as u16) << 8 | 0x0a;
/// The continuation bits of eight bytes.
const CONTINUED: u64 = 0x8080_8080_8080_8080;

/// The low seven bits of each byte, put together.
#[inline]
fn join_sevens(bytes: u64) -> u64 {
    let pairs = bytes & 0x007f_007f_007f_007f | (bytes & 0x7f00_7f00_7f00_7f00) >> 1;
    let quads = pairs & 0x0000_3fff_0000_3fff | (pairs & 0x3fff_0000_3fff_0000) >> 2;
    quads & 0x0fff_ffff | (quads & 0x0fff_ffff_0000_0000) >> 4
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use crate::message::{MessageIndex, arbitrary};

    /// Both decoders over the same record, the fast one into an index that has seen other messages.
    fn check(raw: &[u8], used: &mut MessageIndex) -> Result<(), TestCaseError> {
        let mut plain = MessageIndex::default();
        let expected = plain.decode_plain(raw);
        let got = used.decode(raw);
        prop_assert_eq!(got, expected, "{}", raw.escape_ascii());
        if got.is_ok() {
            prop_assert_eq!(&*used, &plain, "{}", raw.escape_ascii());
        }
        Ok(())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn decodes_what_the_plain_decoder_decodes(
            message in arbitrary::message(),
            changes in vec((any::<prop::sample::Index>(), prop_oneof![any::<u8>(), 0..0x60u8]), 0..4),
            cut in 0..3usize,
        ) {
            let mut raw = Vec::new();
            message.encode(&mut raw);
            let mut used = MessageIndex::default();
            check(&raw, &mut used)?;
            for (at, byte) in changes {
                let at = at.index(raw.len());
                raw[at] = byte;
                // An exact allocation, so that a sanitizer or valgrind sees a read behind it.
                check(&raw.clone().into_boxed_slice(), &mut used)?;
            }
            raw.truncate(raw.len() - cut);
            check(&raw.clone().into_boxed_slice(), &mut used)?;
        }

        #[test]
        fn any_tail_is_decoded_as_the_plain_decoder_does(
            tail in vec(prop_oneof![
                any::<u8>(),
                prop::sample::select(&b"\x0a\x10\x1a\x22\x28\x32\x3a\x40\x4a\x52\x2a\x30\x39\x42\x00\x01\x02\x06\x08\x0c"[..]),
            ], 0..40),
        ) {
            let mut used = MessageIndex::default();
            let raw = [b"\x0a\x100123456789abcdef\x10\x80\x94\xd3\x8e\xe2\xcb\xf5\xe1\x14", &tail[..]].concat();
            check(&raw, &mut used)?;
            check(&tail, &mut used)?;
        }
    }
}
