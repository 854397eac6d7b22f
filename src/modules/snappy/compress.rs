//! Compression as Google's snappy 1.1.0 does it, which is the one production's module contains.
//!
//! Any snappy reads what any other writes, but which matches are found depends on the version: newer ones, and the `snap`
//! crate after them, skip through data that does not repeat in other steps. Filters inject compressed bytes, so this is
//! the old search: blocks of 64 KiB, each with an empty table of the last place of every hash of four bytes.

/// Matches do not reach over the end of a block.
const BLOCK: usize = 1 << 16;
const LEAST_TABLE: usize = 256;
const MOST_TABLE: usize = 1 << 14;
/// No match begins this close to the end of a block.
const MARGIN: usize = 15;

/// Appends the compressed form of `input`, which is shorter than 4 GiB.
pub fn compress(input: &[u8], out: &mut Vec<u8>) {
    let mut len = input.len();
    while len >= 0x80 {
        out.push(len as u8 | 0x80);
        len >>= 7;
    }
    out.push(len as u8);
    let mut table = vec![0; MOST_TABLE];
    for block in input.chunks(BLOCK) {
        compress_block(block, &mut table, out);
    }
}

fn word(bytes: &[u8], at: usize) -> u32 {
    let mut word = [0; 4];
    word.copy_from_slice(&bytes[at..at + 4]);
    u32::from_le_bytes(word)
}

fn compress_block(block: &[u8], table: &mut [u16], out: &mut Vec<u8>) {
    let size = block.len().next_power_of_two().clamp(LEAST_TABLE, MOST_TABLE);
    let table = &mut table[..size];
    table.fill(0);
    let shift = 32 - size.trailing_zeros();
    let hash = |at: usize| (word(block, at).wrapping_mul(0x1e35_a7bd) >> shift) as usize;
    // Where the literal that is not written yet begins.
    let mut pending = 0;
    if let Some(limit) = block.len().checked_sub(MARGIN) {
        let mut at = 1;
        while let Some((found, candidate)) = find_match(block, table, hash, at, limit) {
            put_literal(&block[pending..found], out);
            let mut candidate = candidate;
            at = found;
            loop {
                let len = match_length(block, candidate, at);
                put_copy(at - candidate, len, out);
                at += len;
                pending = at;
                if at >= limit {
                    put_literal(&block[pending..], out);
                    return;
                }
                // The last place of the match is worth knowing too.
                table[hash(at - 1)] = (at - 1) as u16;
                let slot = hash(at);
                candidate = usize::from(table[slot]);
                table[slot] = at as u16;
                if word(block, at) != word(block, candidate) {
                    break;
                }
            }
            at += 1;
        }
    }
    put_literal(&block[pending..], out);
}

/// The next place from `at` on where four bytes stand that stood before, and where. The longer none is found, the more
/// places are passed over.
fn find_match(
    block: &[u8],
    table: &mut [u16],
    hash: impl Fn(usize) -> usize,
    mut at: usize,
    limit: usize,
) -> Option<(usize, usize)> {
    let mut skip = 32;
    if at > limit {
        return None;
    }
    loop {
        let next = at + (skip >> 5);
        skip += 1;
        if next > limit {
            return None;
        }
        let slot = hash(at);
        let candidate = usize::from(table[slot]);
        table[slot] = at as u16;
        if word(block, at) == word(block, candidate) {
            return Some((at, candidate));
        }
        at = next;
    }
}

/// How many bytes are the same at both places, up to the end of the block; the first four are.
fn match_length(block: &[u8], first: usize, second: usize) -> usize {
    let same = block[second + 4..].iter().zip(&block[first + 4..]).take_while(|(a, b)| a == b).count();
    same + 4
}

fn put_literal(bytes: &[u8], out: &mut Vec<u8>) {
    let Some(n) = bytes.len().checked_sub(1) else { return };
    if n < 60 {
        out.push((n << 2) as u8);
    } else {
        // A block is 64 KiB at most: one byte or two.
        let count = if n < 1 << 8 { 1 } else { 2 };
        out.push(((59 + count) << 2) as u8);
        out.extend_from_slice(&n.to_le_bytes()[..count]);
    }
    out.extend_from_slice(bytes);
}

fn put_copy(offset: usize, mut len: usize, out: &mut Vec<u8>) {
    // Four bytes at least are left for the last piece.
    while len >= 68 {
        put_short_copy(offset, 64, out);
        len -= 64;
    }
    if len > 64 {
        put_short_copy(offset, 60, out);
        len -= 60;
    }
    put_short_copy(offset, len, out);
}

fn put_short_copy(offset: usize, len: usize, out: &mut Vec<u8>) {
    if len < 12 && offset < 2048 {
        out.push((1 + ((len - 4) << 2) + (offset >> 8 << 5)) as u8);
        out.push(offset as u8);
    } else {
        out.push((2 + ((len - 1) << 2)) as u8);
        out.extend_from_slice(&(offset as u16).to_le_bytes());
    }
}
