//! Random numbers that are the same on every machine and for every version of every dependency.
//!
//! Only the raw `ChaCha8` stream is taken from a crate; ranges and distributions are made here, of integers and of
//! float operations that IEEE 754 defines to the last bit.

use rand_chacha::{
    ChaCha8Rng,
    rand_core::{Rng, SeedableRng},
};

use super::SEED;

/// One stream of random numbers.
pub struct Random(ChaCha8Rng);

impl Random {
    /// The stream with this number; sets do not share one, so that a change of one set leaves the others alone.
    pub fn stream(number: u64) -> Self {
        let mut seed = [0; 32];
        seed[..8].copy_from_slice(&SEED.to_le_bytes());
        let mut rng = ChaCha8Rng::from_seed(seed);
        rng.set_stream(number);
        Random(rng)
    }

    /// A whole number below `end`, which is at least 1.
    pub fn below(&mut self, end: u64) -> u64 {
        ((u128::from(self.0.next_u64()) * u128::from(end)) >> 64) as u64
    }

    /// A whole number from `start` to `end`, both included.
    pub fn between(&mut self, start: i64, end: i64) -> i64 {
        start + self.below((end - start + 1) as u64) as i64
    }

    /// A number in [0, 1).
    pub fn unit(&mut self) -> f64 {
        (self.0.next_u64() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// True with this probability.
    pub fn chance(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    /// One of the items.
    pub fn pick<T: Copy>(&mut self, items: &[T]) -> T {
        items[self.below(items.len() as u64) as usize]
    }

    /// One of the items, each as often as its weight says.
    pub fn weighted<T: Copy>(&mut self, items: &[(u32, T)]) -> T {
        let total: u32 = items.iter().map(|it| it.0).sum();
        let mut at = self.below(u64::from(total)) as u32;
        for &(weight, item) in items {
            if at < weight {
                return item;
            }
            at -= weight;
        }
        unreachable!("the weights add up to {total}")
    }

    /// Log-normal around `median`: what durations and sizes look like. `spread` is the standard deviation of the
    /// logarithm.
    pub fn log_normal(&mut self, median: f64, spread: f64) -> f64 {
        // Twelve uniform numbers are close enough to a normal one, and exact.
        let normal = (0..12).map(|_| self.unit()).sum::<f64>() - 6.0;
        median * exp(normal * spread)
    }

    /// A version 4 Uuid.
    pub fn uuid(&mut self) -> [u8; 16] {
        let mut res = [0; 16];
        self.0.fill_bytes(&mut res);
        res[6] = res[6] & 0x0f | 0x40;
        res[8] = res[8] & 0x3f | 0x80;
        res
    }
}

/// The usual text of a Uuid.
pub fn uuid_text(uuid: [u8; 16]) -> String {
    let text = hex(&uuid);
    [&text[..8], &text[8..12], &text[12..16], &text[16..20], &text[20..]].join("-")
}

/// Two lower-case digits a byte.
pub fn hex(bytes: &[u8]) -> String {
    let digit = |it: u8| char::from(b"0123456789abcdef"[usize::from(it)]);
    bytes.iter().flat_map(|it| [digit(it >> 4), digit(it & 15)]).collect()
}

/// e to the power of `x`, good to three digits for the |x| < 10 that occur here: (1 + x/n)^n, n = 2^16.
fn exp(x: f64) -> f64 {
    let mut res = 1.0 + x / 65_536.0;
    for _ in 0..16 {
        res *= res;
    }
    res
}
