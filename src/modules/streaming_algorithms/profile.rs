//! The matrix profile: for each part of a series, how far away the part is that is most like it.
//!
//! All pairs of parts are the diagonals of a matrix. They are taken in random order, from the generator that `math.random`
//! uses, so that a share of them gives a first answer (the SCRIMP algorithm). Sums of squares are exact integers of 32 bits
//! that wrap around, as production's do; the rest is in its order, because sums are carried along each diagonal.

use super::running_stats::Stats;
use crate::vm::{Meter, rand::RAND_MAX};

/// What is known of each part.
pub struct Profile {
    /// How far its nearest neighbour is away.
    pub distances: Vec<f64>,
    /// Where that starts, from 0.
    pub neighbours: Vec<usize>,
}

/// The profile of parts of `part` values, from about `percent` of all pairs. `None` if the budget of steps does not allow
/// it.
///
/// `part` is at least 4, and there are at least four times as many values.
pub fn compute(values: Vec<i32>, part: usize, percent: f64, meter: &mut Meter) -> Option<Profile> {
    let count = values.len() - part + 1;
    // As much as the memory it takes.
    spend(meter, 64 * values.len() as u64)?;
    let diagonals = shuffled_diagonals(part / 4 + 1..count, meter);
    let mut search = Search {
        stats: part_stats(&values, part),
        products: vec![0.0; values.len()],
        squares: vec![f64::INFINITY; count],
        neighbours: vec![0; count],
        values,
        part,
    };
    let last = (percent / 100.0 * count as f64 + 1.0) as usize;
    for diagonal in diagonals.into_iter().take(last + 1) {
        spend(meter, 2 * (search.values.len() - diagonal) as u64)?;
        search.walk(diagonal);
    }
    Some(Profile {
        distances: search.squares.into_iter().map(|it| it.abs().sqrt()).collect(),
        neighbours: search.neighbours,
    })
}

fn spend(meter: &mut Meter, steps: u64) -> Option<()> {
    meter.steps_left = meter.steps_left.checked_sub(steps)?;
    Some(())
}

/// The diagonals in random order. Parts that overlap too much are no neighbours: theirs are left out.
fn shuffled_diagonals(diagonals: std::ops::Range<usize>, meter: &mut Meter) -> Vec<usize> {
    let mut res: Vec<usize> = diagonals.collect();
    let len = res.len();
    for n in 0..len.saturating_sub(1) {
        let bucket = RAND_MAX / (len - n) as i32 + 1;
        res.swap(n, n + (meter.random.next() / bucket) as usize);
    }
    res
}

/// Mean and deviation of each part, carried along.
fn part_stats(values: &[i32], part: usize) -> Vec<(f64, f64)> {
    let mut stats = Stats::NONE;
    let mut res = Vec::with_capacity(values.len() - part + 1);
    for (n, &value) in values.iter().enumerate() {
        if n < part {
            stats.add(value.into());
            continue;
        }
        res.push((stats.mean, stats.uncorrected_deviation()));
        let gone = values[n - part];
        let mean = stats.mean;
        stats.mean += f64::from(value.wrapping_sub(gone)) / stats.count;
        let (value, gone) = (f64::from(value), f64::from(gone));
        stats.sum += (value - mean) * (value - stats.mean) - (gone - mean) * (gone - stats.mean);
    }
    res.push((stats.mean, stats.uncorrected_deviation()));
    res
}

struct Search {
    values: Vec<i32>,
    part: usize,
    stats: Vec<(f64, f64)>,
    /// Of values that are a diagonal's distance apart.
    products: Vec<f64>,
    /// The least squared distance so far, infinite where there is none.
    squares: Vec<f64>,
    neighbours: Vec<usize>,
}

impl Search {
    /// Compares all parts that are `diagonal` values apart.
    fn walk(&mut self, diagonal: usize) {
        for n in diagonal..self.values.len() {
            self.products[n] = f64::from(self.values[n].wrapping_mul(self.values[n - diagonal]));
        }
        let mut sum = 0.0;
        for product in &self.products[diagonal..diagonal + self.part] {
            sum += product;
        }
        self.compare(diagonal, 0, sum);
        for n in diagonal + 1..self.squares.len() {
            sum = sum + self.products[n + self.part - 1] - self.products[n - 1];
            self.compare(n, n - diagonal, sum);
        }
    }

    fn compare(&mut self, later: usize, earlier: usize, sum: f64) {
        let ((later_mean, later_deviation), (earlier_mean, earlier_deviation)) =
            (self.stats[later], self.stats[earlier]);
        let part = self.part as f64;
        let square =
            2.0 * (part - (sum - part * later_mean * earlier_mean) / (later_deviation * earlier_deviation));
        if square < self.squares[later] {
            self.squares[later] = square;
            self.neighbours[later] = earlier;
        }
        if square < self.squares[earlier] {
            self.squares[earlier] = square;
            self.neighbours[earlier] = later;
        }
    }
}
