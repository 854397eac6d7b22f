//! From registers to how many keys there were, as redis 2.8 estimates it (`hyperloglog/redis_hyperloglog.c`).
//!
//! Sums of doubles depend on their order, so both sums are kept: registers of one sketch are added in sixteens, those of
//! a union one by one with the empty ones last.

use super::registers::{COUNT, Registers};
use crate::vm::cformat::c_uint64;

const M: f64 = COUNT as f64;

/// Sum of 2^-register, and how many registers are empty.
type Sum = (f64, usize);

/// The estimate of one sketch.
pub fn of_dense(registers: Registers<'_>) -> u64 {
    let mut sum = 0.0;
    let mut empty = 0;
    let mut groups = registers.groups();
    while let Some(first) = groups.next() {
        // Sixteen registers make an addend, which is added up in pairs.
        let [a, b] = pairs(first);
        let mut addend = a + b;
        empty += count_empty(first);
        for group in groups.by_ref().take(3) {
            let [a, b] = pairs(group);
            addend = addend + a + b;
            empty += count_empty(group);
        }
        sum += addend;
    }
    finish((sum, empty))
}

fn pairs([a, b, c, d]: [u8; 4]) -> [f64; 2] {
    [share(a) + share(b), share(c) + share(d)]
}

fn count_empty(group: [u8; 4]) -> usize {
    group.iter().map(|&it| usize::from(it == 0)).sum()
}

/// Registers of a union that do not count: production's place for them begins two bytes before them and ends two bytes
/// before their end (`hyperloglog.c:62`, a macro without parentheses).
const UNION_LOST: usize = 2;

/// The estimate of a union's registers.
pub fn of_union(registers: &[u8; COUNT]) -> u64 {
    let counted = &registers[..COUNT - UNION_LOST];
    let filled = counted.iter().filter(|&&it| it != 0).fold(0.0, |sum, &it| sum + share(it));
    let empty = UNION_LOST + counted.iter().map(|&it| usize::from(it == 0)).sum::<usize>();
    finish((filled + empty as f64, empty))
}

/// 2^-register.
#[inline]
fn share(register: u8) -> f64 {
    f64::from_bits((1023 - u64::from(register)) << 52)
}

#[allow(clippy::suboptimal_flops, reason = "production's operations, one by one")]
fn finish((sum, empty): Sum) -> u64 {
    const ALPHA: f64 = 0.7213 / (1.0 + 1.079 / M);
    let mut estimate = 1.0 / sum * ALPHA * M * M;
    if estimate < M * 2.5 && empty != 0 {
        // Linear counting.
        estimate = M * (M / empty as f64).ln();
    } else if estimate < 72_000.0 {
        // Here the estimate is known to be too high; by how much was fitted.
        let square = estimate * estimate;
        let cube = square * estimate;
        let bias = 5.9119 * 1.0e-18 * (cube * estimate) - 1.4253 * 1.0e-12 * cube + 1.2940 * 1.0e-7 * square
            - 5.2921 * 1.0e-3 * estimate
            + 83.3216;
        estimate -= estimate * (bias / 100.0);
    }
    c_uint64(estimate)
}
