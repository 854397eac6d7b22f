//! 16,384 registers of six bits, packed as redis packs them, and which of them a key raises to what.

use std::cell::Cell;

/// Number of registers.
pub const COUNT: usize = 1 << INDEX_BITS;
/// Bytes they take.
pub const SIZE: usize = COUNT * BITS / 8;

const INDEX_BITS: u32 = 14;
const BITS: usize = 6;
const MAX: u16 = (1 << BITS) - 1;
/// Registers whose bits fill whole bytes, and how many bytes.
const GROUP: usize = 4;
const GROUP_SIZE: usize = GROUP * BITS / 8;

/// Seed of redis's hashes.
const SEED: u64 = 0xadc8_3b19;

/// A sketch's registers.
#[derive(Clone, Copy)]
pub struct Registers<'l> {
    /// All bytes and one more.
    bytes: &'l [Cell<u8>],
}

impl<'l> Registers<'l> {
    /// Registers in `bytes`, which are [`SIZE`] and one more: a register is always read as two bytes.
    #[inline]
    pub fn new(bytes: &'l [Cell<u8>]) -> Registers<'l> {
        Registers { bytes: &bytes[..=SIZE] }
    }

    /// The two bytes a register is in, and its lowest bit there.
    #[inline]
    fn place(self, index: usize) -> (&'l [Cell<u8>; 2], u32) {
        let bit = index * BITS;
        let pair = self.bytes[bit / 8..][..2].try_into().expect("two bytes");
        (pair, bit as u32 % 8)
    }

    /// Raises the key's register, if it is lower than what the key says; whether it was.
    #[inline]
    pub fn add(self, key: &[u8]) -> bool {
        let hash = murmur64a(key, SEED);
        let ([low, high], shift) = self.place(hash as usize % COUNT);
        // The run of zeros above the index, its final one included.
        let run = ((hash | 1 << 63) >> INDEX_BITS).trailing_zeros() as u16 + 1;
        let pair = u16::from_le_bytes([low.get(), high.get()]);
        if run <= pair >> shift & MAX {
            return false;
        }
        let [new_low, new_high] = (pair & !(MAX << shift) | run << shift).to_le_bytes();
        low.set(new_low);
        high.set(new_high);
        true
    }

    /// All registers in order, four at a time.
    #[inline]
    pub fn groups(self) -> impl Iterator<Item = [u8; GROUP]> + use<'l> {
        self.bytes[..SIZE].chunks_exact(GROUP_SIZE).map(|it| unpack([it[0].get(), it[1].get(), it[2].get()]))
    }

    /// Raises `union` to these registers where they are higher.
    pub fn raise(self, union: &mut [u8; COUNT]) {
        for (four, group) in union.chunks_exact_mut(GROUP).zip(self.groups()) {
            for (value, other) in four.iter_mut().zip(group) {
                *value = other.max(*value);
            }
        }
    }

    /// Raises these registers to `other` where those are higher.
    pub fn merge(self, other: Registers<'_>) {
        let chunks = self.bytes[..SIZE].chunks_exact(GROUP_SIZE);
        for ((cells, mut four), group) in chunks.zip(self.groups()).zip(other.groups()) {
            for (value, other) in four.iter_mut().zip(group) {
                *value = other.max(*value);
            }
            for (cell, byte) in cells.iter().zip(pack(four)) {
                cell.set(byte);
            }
        }
    }
}

#[inline]
fn unpack(bytes: [u8; GROUP_SIZE]) -> [u8; GROUP] {
    let bits = u32::from_le_bytes([bytes[0], bytes[1], bytes[2], 0]);
    [0, 1, 2, 3].map(|n| (bits >> (n * BITS)) as u8 & MAX as u8)
}

#[inline]
fn pack(registers: [u8; GROUP]) -> [u8; GROUP_SIZE] {
    let bits = registers.iter().rev().fold(0, |bits, &it| bits << BITS | u32::from(it));
    let [first, second, third, _] = bits.to_le_bytes();
    [first, second, third]
}

/// `MurmurHash64A`.
#[inline]
fn murmur64a(key: &[u8], seed: u64) -> u64 {
    const FACTOR: u64 = 0xc6a4_a793_5bd1_e995;
    const SHIFT: u32 = 47;
    // C passes the length as `int`.
    let length = key.len() as i32 as u64;
    let mut hash = seed ^ length.wrapping_mul(FACTOR);
    let (words, rest) = key.as_chunks::<8>();
    for &word in words {
        let mut word = u64::from_le_bytes(word).wrapping_mul(FACTOR);
        word ^= word >> SHIFT;
        hash = (hash ^ word.wrapping_mul(FACTOR)).wrapping_mul(FACTOR);
    }
    if !rest.is_empty() {
        let word = rest.iter().rev().fold(0, |word, &byte| word << 8 | u64::from(byte));
        hash = (hash ^ word).wrapping_mul(FACTOR);
    }
    hash ^= hash >> SHIFT;
    hash = hash.wrapping_mul(FACTOR);
    hash ^ hash >> SHIFT
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use proptest::prelude::*;

    use super::{COUNT, Registers, SIZE, pack, unpack};

    #[test]
    fn the_last_register_leaves_the_byte_behind_alone() {
        let bytes = vec![Cell::new(0); SIZE + 1];
        let registers = Registers::new(&bytes);
        let mut n = 0_u64;
        while bytes[SIZE - 1].get() >> 2 == 0 {
            registers.add(&n.to_le_bytes());
            n += 1;
        }
        assert_eq!(bytes[SIZE].get(), 0);
        assert!(!registers.add(&(n - 1).to_le_bytes()), "a second time changes nothing");
    }

    proptest! {
        #[test]
        fn unpacking_undoes_packing(bytes: [u8; 3]) {
            prop_assert_eq!(pack(unpack(bytes)), bytes);
        }

        #[test]
        fn merging_is_what_counting_a_union_reads(a: u64, b: u64) {
            let sketch = |seed: u64| {
                let bytes = vec![Cell::new(0); SIZE + 1];
                (0..1000).for_each(|n| { Registers::new(&bytes).add(&(seed ^ n).to_le_bytes()); });
                bytes
            };
            let (a, b) = (sketch(a), sketch(b));
            let mut union = [0; COUNT];
            Registers::new(&a).raise(&mut union);
            Registers::new(&b).raise(&mut union);
            Registers::new(&a).merge(Registers::new(&b));
            let merged: Vec<u8> = Registers::new(&a).groups().flatten().collect();
            prop_assert_eq!(&merged[..], &union[..]);
        }
    }
}
