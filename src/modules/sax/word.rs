//! A window or a word: what is kept of a series, and the arithmetic on it (symtseries `src/symtseries.c`).
//!
//! Results decide which letter a script sees, so the order of operations is production's.

use std::{cell::Cell, cmp::Ordering, ffi::c_int};

use bytemuck::{Pod, Zeroable};

use super::breakpoints::{self, symbol};
use crate::{
    modules::{object::Class, outside::Outside},
    vm::Lua,
};

/// Deviations below this count as none.
const EPSILON: f64 = 1e-2;

/// What stands in front of a window's values and symbols, or of a word's symbols.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
pub struct Head {
    /// Numbers that the symbols stand for; 0 for a word made from letters.
    pub values: u32,
    /// Numbers that are kept: those of a window, none of a word.
    kept: u32,
    /// Number of symbols.
    pub symbols: u32,
    /// Number of letters.
    pub cardinality: u32,
    /// Where the oldest number is.
    first: u64,
    /// How many of the numbers are finite.
    finite: u64,
    /// Their mean, kept up to date number by number.
    mean: f64,
    /// The sum of their squared deviations, likewise.
    deviations: f64,
}

/// A window or a word.
#[derive(Clone, Copy)]
pub struct Series<'l>(Outside<'l, Head>);

impl<'l> Series<'l> {
    /// Wraps what was found at an argument.
    pub fn new(contents: Outside<'l, Head>) -> Series<'l> {
        Series(contents)
    }

    /// Pushes an empty window of `values` numbers.
    pub fn push_window(lua: Lua<'l>, class: &Class, values: u32, symbols: u32, cardinality: u8) {
        let head = Head {
            values,
            kept: values,
            symbols,
            cardinality: u32::from(cardinality),
            first: 0,
            finite: 0,
            mean: 0.0,
            deviations: 0.0,
        };
        let tail = values as usize * size_of::<f64>() + symbols as usize;
        Series(Outside::push_new(lua, class, head, tail)).clear();
    }

    /// Pushes a word whose symbols are still to be set.
    pub fn push_word(lua: Lua<'l>, class: &Class, values: u32, symbols: u32, cardinality: u8) -> Series<'l> {
        let head =
            Head { values, symbols, cardinality: u32::from(cardinality), ..bytemuck::Zeroable::zeroed() };
        Series(Outside::push_new(lua, class, head, symbols as usize))
    }

    /// Its sizes.
    pub fn head(self) -> Head {
        self.0.head().get()
    }

    /// Number of letters.
    pub fn cardinality(self) -> u8 {
        self.head().cardinality as u8
    }

    /// The numbers, in the order of their places.
    fn kept(self) -> &'l [Cell<f64>] {
        &self.0.cells()[..self.head().kept as usize]
    }

    /// The numbers from the oldest.
    pub fn numbers(self) -> impl Iterator<Item = f64> + 'l {
        let (newer, older) = self.kept().split_at(self.head().first as usize);
        older.iter().chain(newer).map(Cell::get)
    }

    /// The symbols, 0 being the highest letter.
    pub fn symbols(self) -> &'l [Cell<u8>] {
        let head = self.head();
        &self.0.cells()[head.kept as usize * size_of::<f64>()..][..head.symbols as usize]
    }

    /// The symbol at `n` as a letter, `A` being the lowest.
    pub fn letter(self, n: usize) -> u8 {
        match self.symbols()[n].get() {
            it if it == self.cardinality() => b'#',
            it => b'A' + (self.cardinality() - it - 1),
        }
    }

    /// Empties the window.
    pub fn clear(self) {
        let head = Head { first: 0, finite: 0, mean: 0.0, deviations: 0.0, ..self.head() };
        self.0.head().set(head);
        self.kept().iter().for_each(|it| it.set(f64::NAN));
        self.symbols().iter().for_each(|it| it.set(self.cardinality()));
    }

    /// Replaces the oldest number and brings mean and deviations up to date; the symbols are still the old ones.
    pub fn append(self, value: f64) {
        let mut head = self.head();
        let place = &self.kept()[head.first as usize];
        let oldest = place.replace(value);
        head.first = (head.first + 1) % u64::from(head.kept);
        let (before, mean) = (head.finite, head.mean);
        let after = before + u64::from(value.is_finite()) - u64::from(oldest.is_finite());
        head.finite = after;
        match after.cmp(&before) {
            Ordering::Equal if !value.is_finite() => {}
            Ordering::Equal => {
                let change = value - oldest;
                head.mean += change / before as f64;
                let (a, b) = (value - head.mean, oldest - head.mean);
                head.deviations += change * change / after as f64 + a * a - b * b;
            }
            Ordering::Less if after == 0 => {
                head.mean = 0.0;
                head.deviations = 0.0;
            }
            Ordering::Less => {
                head.mean = (mean * before as f64 - oldest) / after as f64;
                let (old, new) = (mean - oldest, head.mean - oldest);
                head.deviations += (old * old * before as f64) / ((after * after) as f64) - new * new;
            }
            Ordering::Greater => {
                head.deviations += ((value - mean) * (value - mean) * before as f64) / after as f64;
                head.mean += (value - mean) / after as f64;
            }
        }
        if head.deviations < 0.0 && head.deviations > -EPSILON {
            head.deviations = 0.0;
        }
        self.0.head().set(head);
    }

    /// Brings the symbols up to date with the numbers.
    pub fn update(self) {
        let head = self.head();
        let deviation = if head.finite == 0 { 0.0 } else { (head.deviations / head.finite as f64).sqrt() };
        self.set_symbols(self.numbers(), head.mean, deviation);
    }

    /// Sets the symbols from the numbers they stand for.
    pub fn set_from(self, numbers: impl Iterator<Item = f64> + Clone) {
        let (mut mean, mut deviations, mut count) = (0.0, 0.0, 0_u64);
        for value in numbers.clone().filter(|it| it.is_finite()) {
            count += 1;
            deviations += ((value - mean) * (value - mean) * (count - 1) as f64) / count as f64;
            mean += (value - mean) / count as f64;
        }
        let deviation = if count == 0 { 0.0 } else { (deviations / count as f64).sqrt() };
        self.set_symbols(numbers, mean, deviation);
    }

    fn set_symbols(self, mut numbers: impl Iterator<Item = f64>, mean: f64, deviation: f64) {
        let head = self.head();
        let frame = head.values / head.symbols;
        for place in self.symbols() {
            let mut sum = 0.0;
            let mut count = frame;
            for value in numbers.by_ref().take(frame as usize) {
                if value.is_nan() { count -= 1 } else { sum += value }
            }
            // Both infinities in one frame are no number either.
            let average = if count == 0 || sum.is_nan() {
                f64::NAN
            } else if sum.is_infinite() {
                sum
            } else if deviation < EPSILON {
                0.0
            } else {
                let count = f64::from(count);
                (sum - count * mean) / (count * deviation)
            };
            place.set(symbol(average, self.cardinality()));
        }
    }

    /// Whether letters and their number are the same; what they stand for may differ.
    pub fn equals(self, other: Series<'l>) -> bool {
        self.cardinality() == other.cardinality() && self.symbols() == other.symbols()
    }

    /// How far apart the series behind the words are at least, and that split into what is above and below.
    /// `None` where they cannot be compared.
    pub fn distance(self, other: Series<'l>) -> Option<[f64; 3]> {
        let (a, b) = (self.head(), other.head());
        if a.cardinality != b.cardinality || a.symbols != b.symbols {
            return None;
        }
        if a.values != b.values && a.values != 0 && b.values != 0 {
            return None;
        }
        let values = [a.values, b.values, a.symbols].into_iter().find(|&it| it != 0).unwrap_or(0);
        let cardinality = self.cardinality();
        let (mut above, mut below) = (0.0, 0.0);
        for (a, b) in self.symbols().iter().zip(other.symbols()) {
            let (mut a, mut b) = (a.get(), b.get());
            if a == b {
                continue;
            }
            if a == cardinality {
                a = farthest(b, cardinality);
            } else if b == cardinality {
                b = farthest(a, cardinality);
            }
            let distance = breakpoints::distance(cardinality, a, b);
            *(if a < b { &mut above } else { &mut below }) += distance * distance;
        }
        let compression = (f64::from(values) / f64::from(a.symbols)).sqrt();
        let distance = compression * (above + below).sqrt();
        Some([distance, compression * above.sqrt(), compression * below.sqrt()])
    }
}

/// The letter that "no number" is taken for beside `symbol`.
fn farthest(symbol: u8, cardinality: u8) -> u8 {
    let last = cardinality - 1;
    if c_int::from(symbol) > c_int::from(last) - c_int::from(symbol) { 0 } else { last }
}
