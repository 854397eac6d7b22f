//! Where the normal distribution is cut into letters, and how far apart letters are at least.
//!
//! Both are decimals of three digits in single precision. The cuts are the quantiles truncated, the distances are the
//! differences of the exact quantiles rounded (symtseries `src/symtseries.c`, `breaks` and `mindist_*`): the quantiles
//! are all that is needed.

/// The fewest letters.
pub const MIN_CARDINALITY: u8 = 2;
/// The most letters.
pub const MAX_CARDINALITY: u8 = 16;

/// For each cardinality, the positive cuts in millionths: what a normal variable stays below with probability k/c.
const POSITIVE: [&[i32]; 15] = [
    &[],
    &[430_727],
    &[674_490],
    &[253_347, 841_621],
    &[430_727, 967_422],
    &[180_012, 565_949, 1_067_571],
    &[318_639, 674_490, 1_150_349],
    &[139_710, 430_727, 764_710, 1_220_640],
    &[253_347, 524_401, 841_621, 1_281_552],
    &[114_185, 348_756, 604_585, 908_458, 1_335_178],
    &[210_428, 430_727, 674_490, 967_422, 1_382_994],
    &[96_559, 293_381, 502_402, 736_316, 1_020_076, 1_426_077],
    &[180_012, 366_106, 565_949, 791_639, 1_067_571, 1_465_234],
    &[83_652, 253_347, 430_727, 622_926, 841_621, 1_110_772, 1_501_086],
    &[157_311, 318_639, 488_776, 674_490, 887_147, 1_150_349, 1_534_121],
];

/// The cut between the lowest `below` letters and the others, in millionths.
fn quantile(cardinality: u8, below: u8) -> i32 {
    let positive = POSITIVE[usize::from(cardinality - MIN_CARDINALITY)];
    let half = cardinality / 2;
    match (2 * below).cmp(&cardinality) {
        std::cmp::Ordering::Equal => 0,
        std::cmp::Ordering::Greater => positive[usize::from(below - half - 1)],
        std::cmp::Ordering::Less => -positive[usize::from(cardinality - below - half - 1)],
    }
}

/// A decimal of three digits in single precision.
fn decimal(thousandths: i32) -> f64 {
    f64::from((f64::from(thousandths) / 1000.0) as f32)
}

/// The symbol of a normalized average: 0 is the highest letter, `cardinality` says that there is no number.
pub fn symbol(average: f64, cardinality: u8) -> u8 {
    if average.is_nan() {
        return cardinality;
    }
    let below = (1..cardinality).find(|&below| average < decimal(quantile(cardinality, below) / 1000));
    below.map_or(0, |below| cardinality - below)
}

/// The distance that two symbols have at least: none between neighbours.
pub fn distance(cardinality: u8, a: u8, b: u8) -> f64 {
    let (high, low) = (a.min(b), a.max(b));
    if low - high < 2 {
        return 0.0;
    }
    // The cuts below the higher letter and above the lower one.
    let difference = quantile(cardinality, cardinality - high - 1) - quantile(cardinality, cardinality - low);
    decimal((difference + 500) / 1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_are_cut_at_truncated_quantiles() {
        assert_eq!([symbol(-0.1, 2), symbol(0.0, 2), symbol(f64::NAN, 2)], [1, 0, 2]);
        assert_eq!([symbol(-0.4301, 3), symbol(-0.43, 3), symbol(0.43, 3)], [2, 1, 1]);
        assert_eq!([symbol(-0.429, 3), symbol(0.431, 3)], [1, 0]);
        assert_eq!([symbol(f64::INFINITY, 16), symbol(f64::NEG_INFINITY, 16)], [0, 15]);
    }

    #[test]
    #[expect(clippy::float_cmp, reason = "results are meant to be exact")]
    fn distances_are_rounded_differences() {
        assert_eq!(distance(3, 0, 2), f64::from(0.861_f32));
        assert_eq!(distance(16, 15, 0), f64::from(3.068_f32));
        assert_eq!(distance(5, 1, 3), f64::from(0.507_f32));
        assert_eq!([distance(5, 1, 1), distance(5, 1, 2)], [0.0, 0.0]);
    }
}
