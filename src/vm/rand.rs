//! `math.random` as production has it: glibc's `rand`, as a value.
//!
//! Production calls the process-wide `rand()`. Filters that seed it and keep what it gave (sampling, shuffled output)
//! must see the same numbers here, and a snapshot of a sandbox must hold the generator; so it is plain data.

/// How many numbers the generator remembers (glibc's default, `TYPE_3`).
const DEGREE: usize = 31;
/// How far apart its two taps are.
const SEPARATION: usize = 3;

/// `RAND_MAX` of glibc.
pub const RAND_MAX: i32 = i32::MAX;

/// glibc's `rand()` with its state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GlibcRand {
    state: [u32; DEGREE],
    front: usize,
}

impl Default for GlibcRand {
    /// A process that never called `srand`.
    fn default() -> Self {
        Self::new(1)
    }
}

impl GlibcRand {
    /// `srand(seed)`; 0 behaves as 1.
    pub fn new(seed: u32) -> Self {
        let mut res = Self { state: [0; DEGREE], front: SEPARATION };
        let mut word = seed.max(1) as i32;
        for slot in &mut res.state {
            *slot = word as u32;
            word = park_miller(word);
        }
        for _ in 0..DEGREE * 10 {
            res.next();
        }
        res
    }

    /// `srand(seed)` on this generator.
    pub fn seed(&mut self, seed: u32) {
        *self = Self::new(seed);
    }

    /// `rand()`: 0 to [`RAND_MAX`].
    #[expect(
        clippy::should_implement_trait,
        reason = "the generator never ends: an iterator's Option says nothing"
    )]
    pub fn next(&mut self) -> i32 {
        let rear = (self.front + DEGREE - SEPARATION) % DEGREE;
        let value = self.state[self.front].wrapping_add(self.state[rear]);
        self.state[self.front] = value;
        self.front = (self.front + 1) % DEGREE;
        (value >> 1) as i32
    }

    /// What every `math.random` call draws first, even one whose arguments are then refused: 0 <= r < 1.
    pub fn unit(&mut self) -> f64 {
        f64::from(self.next() % RAND_MAX) / f64::from(RAND_MAX)
    }
}

/// 16807 * word mod 2^31 - 1, as glibc computes it for words of either sign.
const fn park_miller(word: i32) -> i32 {
    let word = word as i64;
    let res = 16807 * (word % 127_773) - 2836 * (word / 127_773);
    (if res < 0 { res + i32::MAX as i64 } else { res }) as i32
}

/// Why `math.random` refuses its arguments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RandomError {
    /// To be raised as an argument error (`luaL_argerror`) on this argument, counted from 1.
    #[error("interval is empty")]
    EmptyInterval {
        /// 1 for `random(u)`, 2 for `random(l, u)`.
        argument: i32,
    },
    /// More than two arguments; a plain error.
    #[error("wrong number of arguments")]
    ArgumentCount,
}

impl RandomError {
    /// The text a script sees.
    pub const fn text(self) -> &'static str {
        match self {
            Self::EmptyInterval { .. } => "interval is empty",
            Self::ArgumentCount => "wrong number of arguments",
        }
    }
}

/// `math.random(u)` for `r` drawn by [`GlibcRand::unit`]: 1 to `u`.
pub fn up_to(r: f64, u: i32) -> Result<f64, RandomError> {
    if u < 1 {
        return Err(RandomError::EmptyInterval { argument: 1 });
    }
    Ok((r * f64::from(u)).floor() + 1.0)
}

/// `math.random(l, u)` for `r` drawn by [`GlibcRand::unit`]: `l` to `u`. The width wraps as C's `int` does.
pub fn between(r: f64, l: i32, u: i32) -> Result<f64, RandomError> {
    if l > u {
        return Err(RandomError::EmptyInterval { argument: 2 });
    }
    let width = u.wrapping_sub(l).wrapping_add(1);
    Ok((r * f64::from(width)).floor() + f64::from(l))
}

#[cfg(test)]
mod tests {
    // The reference is the C library's own generator.
    #![allow(unsafe_code)]

    use super::*;

    /// The only test that uses the process-wide generator: another at the same time would disturb both.
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    #[test]
    fn numbers_are_those_of_glibc() {
        for seed in
            [0, 1, 2, 42, 1234, 123_459_876, 1_496_275_200, i32::MAX as u32, 1 << 31, u32::MAX - 4, u32::MAX]
        {
            let mut rand = GlibcRand::new(seed);
            // SAFETY: no pointers; the process-wide state has no other user in these tests.
            unsafe { libc::srand(seed) };
            for index in 0..1000 {
                // SAFETY: as above.
                let expected = unsafe { libc::rand() };
                assert_eq!(rand.next(), expected, "seed {seed}, number {index}");
            }
        }
    }

    #[test]
    fn known_numbers() {
        let mut rand = GlibcRand::new(42);
        assert_eq!([rand.next(), rand.next(), rand.next()], [71_876_166, 708_592_740, 1_483_128_881]);
        let mut unseeded = GlibcRand::default();
        assert_eq!([unseeded.next(), unseeded.next()], [1_804_289_383, 846_930_886]);
        unseeded.seed(0);
        assert_eq!(unseeded.next(), 1_804_289_383);
        unseeded.seed(-5_i32 as u32);
        assert_eq!(unseeded.next(), 1_469_203_335);
    }

    #[test]
    fn a_clone_continues_alike() {
        let mut rand = GlibcRand::new(7);
        rand.next();
        let mut copy = rand.clone();
        assert_eq!([rand.next(), rand.next()], [copy.next(), copy.next()]);
    }

    #[test]
    fn ranges_are_those_of_lua() {
        let mut rand = GlibcRand::new(42);
        assert_eq!(between(rand.unit(), 1, 1000), Ok(34.0));
        assert_eq!(between(rand.unit(), 1, 1000), Ok(330.0));
        assert_eq!(up_to(0.999_999, 6), Ok(6.0));
        assert_eq!(up_to(0.0, 6), Ok(1.0));
        assert_eq!(between(0.5, -3, -3), Ok(-3.0));
        assert_eq!(up_to(0.5, 0), Err(RandomError::EmptyInterval { argument: 1 }));
        assert_eq!(between(0.5, 2, 1), Err(RandomError::EmptyInterval { argument: 2 }));
        assert_eq!(between(0.5, i32::MIN, i32::MAX), Ok(f64::from(i32::MIN)), "the width wraps to 0");
    }
}
