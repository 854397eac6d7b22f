//! Reading compressed data as Google's snappy 1.1.0 does.
//!
//! The length that data begins with is anyone's claim, up to 4 GiB: it is believed only after all of the data has been
//! walked through without writing anything.

/// The length the data claims to have; `None` where `uncompress` refuses it.
///
/// `is_strict` refuses a fifth byte with more bits than a length has; the check of a buffer drops them.
fn claimed_length(data: &[u8], is_strict: bool) -> Option<(u32, &[u8])> {
    let mut len = 0;
    for (n, &byte) in data.iter().enumerate().take(5) {
        len |= u32::from(byte & 0x7f) << (7 * n);
        if byte < 0x80 {
            return (n < 4 || byte < 16 || !is_strict).then_some((len, &data[n + 1..]));
        }
    }
    None
}

/// A piece of the data.
enum Item<'d> {
    Literal(&'d [u8]),
    Copy { offset: usize, len: usize },
}

/// Takes the next piece off; `None` where the data is cut short.
fn next_item<'d>(data: &mut &'d [u8]) -> Option<Item<'d>> {
    let (&tag, rest) = data.split_first()?;
    let trailer = |count: usize| -> Option<(u32, &'d [u8])> {
        let (bytes, rest) = rest.split_at_checked(count)?;
        let mut number = [0; 4];
        number[..count].copy_from_slice(bytes);
        Some((u32::from_le_bytes(number), rest))
    };
    let high = usize::from(tag >> 2);
    let (item, rest) = match tag & 3 {
        0 => {
            let count = high.saturating_sub(59);
            let (number, rest) = trailer(count)?;
            // One more than the number, which overflows.
            let len = if count == 0 { high + 1 } else { number.wrapping_add(1) as usize };
            let (bytes, rest) = rest.split_at_checked(len)?;
            (Item::Literal(bytes), rest)
        }
        1 => {
            let (low, rest) = trailer(1)?;
            (Item::Copy { offset: usize::from(tag >> 5) << 8 | low as usize, len: (high & 7) + 4 }, rest)
        }
        kind => {
            let (offset, rest) = trailer(if kind == 2 { 2 } else { 4 })?;
            (Item::Copy { offset: offset as usize, len: high + 1 }, rest)
        }
    };
    *data = rest;
    Some(item)
}

/// The length of what valid data decompresses to.
fn checked_length(data: &[u8], is_strict: bool) -> Option<usize> {
    let (claimed, mut data) = claimed_length(data, is_strict)?;
    let (claimed, mut len) = (claimed as usize, 0usize);
    while !data.is_empty() {
        len += match next_item(&mut data)? {
            Item::Literal(bytes) => bytes.len(),
            Item::Copy { offset, .. } if offset == 0 || offset > len => return None,
            Item::Copy { len, .. } => len,
        };
        if len > claimed {
            return None;
        }
    }
    (len == claimed).then_some(len)
}

/// Whether the data could be decompressed.
pub fn is_valid(data: &[u8]) -> bool {
    checked_length(data, false).is_some()
}

/// The length of what `data` decompresses to, `None` if it does not.
pub fn length(data: &[u8]) -> Option<usize> {
    checked_length(data, true)
}

/// Appends what `data`, whose [`length`] is known, decompresses to.
pub fn decompress(data: &[u8], out: &mut Vec<u8>) {
    let Some((_, mut data)) = claimed_length(data, true) else { return };
    let start = out.len();
    while let Some(item) = next_item(&mut data) {
        match item {
            Item::Literal(bytes) => out.extend_from_slice(bytes),
            Item::Copy { offset, len } if offset <= out.len() - start => copy_back(out, offset, len),
            Item::Copy { .. } => return,
        }
    }
}

/// Repeats `len` of the bytes from `offset` before the end on, those among them that this writes.
fn copy_back(out: &mut Vec<u8>, offset: usize, len: usize) {
    let from = out.len() - offset;
    if offset >= len {
        out.extend_from_within(from..from + len);
    } else {
        for n in 0..len {
            out.push(out[from + n]);
        }
    }
}
