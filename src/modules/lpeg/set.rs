//! Sets of bytes.

/// A set of bytes, a bit for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Set([u64; 4]);

/// What a set amounts to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// No byte.
    Empty,
    /// One byte.
    Single(u8),
    /// Every byte.
    Full,
    /// Anything else.
    Mixed,
}

impl Set {
    /// No byte.
    pub const EMPTY: Set = Set([0; 4]);
    /// Every byte.
    pub const FULL: Set = Set([u64::MAX; 4]);

    /// The set with these words: bit `n` of word `w` is byte `64 * w + n`.
    pub const fn from_words(words: [u64; 4]) -> Set {
        Set(words)
    }

    /// Its words.
    pub const fn words(self) -> [u64; 4] {
        self.0
    }

    /// The set of one byte.
    pub fn single(byte: u8) -> Set {
        let mut res = Set::EMPTY;
        res.insert(byte);
        res
    }

    /// The bytes that satisfy `is_in`.
    pub fn of(is_in: impl Fn(u8) -> bool) -> Set {
        let mut res = Set::EMPTY;
        (0..=u8::MAX).filter(|&it| is_in(it)).for_each(|it| res.insert(it));
        res
    }

    /// Adds a byte.
    pub fn insert(&mut self, byte: u8) {
        self.0[usize::from(byte >> 6)] |= 1 << (byte & 63);
    }

    /// Whether a byte is in it.
    #[cfg(test)]
    pub fn contains(self, byte: u8) -> bool {
        self.0[usize::from(byte >> 6)] >> (byte & 63) & 1 != 0
    }

    fn zip(self, other: Set, join: impl Fn(u64, u64) -> u64) -> Set {
        let mut res = self;
        res.0.iter_mut().zip(other.0).for_each(|(a, b)| *a = join(*a, b));
        res
    }

    /// Bytes of either.
    pub fn union(self, other: Set) -> Set {
        self.zip(other, |a, b| a | b)
    }

    /// Bytes of both.
    pub fn intersection(self, other: Set) -> Set {
        self.zip(other, |a, b| a & b)
    }

    /// Bytes of this one only.
    pub fn difference(self, other: Set) -> Set {
        self.zip(other, |a, b| a & !b)
    }

    /// All other bytes.
    pub fn complement(self) -> Set {
        Set::FULL.difference(self)
    }

    /// Whether no byte is in both.
    pub fn is_disjoint(self, other: Set) -> bool {
        self.intersection(other) == Set::EMPTY
    }

    /// What it amounts to.
    pub fn shape(self) -> Shape {
        match self.0.iter().map(|it| it.count_ones()).sum::<u32>() {
            0 => Shape::Empty,
            1 => {
                let word = self.0.iter().position(|&it| it != 0).unwrap_or(0);
                Shape::Single((word as u32 * 64 + self.0[word].trailing_zeros()) as u8)
            }
            256 => Shape::Full,
            _ => Shape::Mixed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes() {
        let digits = Set::of(|it| it.is_ascii_digit());
        assert_eq!(Set::EMPTY.shape(), Shape::Empty);
        assert_eq!(Set::FULL.shape(), Shape::Full);
        assert_eq!(digits.shape(), Shape::Mixed);
        for byte in [0, 63, 64, 127, 128, 255] {
            assert_eq!(Set::single(byte).shape(), Shape::Single(byte));
            assert_eq!(Set::single(byte).complement().shape(), Shape::Mixed);
        }
        assert!(digits.contains(b'5') && !digits.contains(b'a'));
        assert!(digits.is_disjoint(digits.complement()));
    }
}
