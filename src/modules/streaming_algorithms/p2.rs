//! `streaming_algorithms.p2`: quantiles and histograms of a stream, estimated from a few markers that move along (the P²
//! algorithm of Jain and Chlamtac).

use std::{cell::Cell, ffi::c_int, io::Write as _};

use bytemuck::{Pod, Zeroable};

use super::{check, check_count, open_library, raise_invalid, serialize};
use crate::{
    modules::object::{Class, Object, fill},
    sandbox::{Kind, NativeModule, native::UserdataFns},
    vm::{
        Lua,
        cformat::{self, c_uint64},
        host_call,
    },
};

/// The module.
pub const MODULE: NativeModule = NativeModule {
    name: "streaming_algorithms.p2",
    open,
    io_only: false,
    version: "0.0.12",
    kind: Kind::BuiltIn,
};

const QUANTILE: Class = Class { name: c"trink.streaming_algorithms.p2.quantile" };
const HISTOGRAM: Class = Class { name: c"trink.streaming_algorithms.p2.histogram" };

const MARKERS: usize = 5;

/// An estimated quantile. From `missing` on it is the object's dump.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
pub struct Quantile {
    unused: u16,
    /// Numbers still to be seen before there is an estimate.
    missing: u16,
    probability: f32,
    /// Estimates of the minimum, the quantiles p/2, p and (1+p)/2, and the maximum.
    heights: [f64; MARKERS],
    /// How many numbers are at or below each.
    positions: [f64; MARKERS],
    /// Where the positions should be.
    desired: [f64; MARKERS],
}

impl Quantile {
    /// Nothing seen yet.
    pub fn new(probability: f32) -> Quantile {
        Quantile {
            unused: 0,
            missing: MARKERS as u16,
            probability,
            heights: [0.0; MARKERS],
            positions: [1.0, 2.0, 3.0, 4.0, 5.0],
            // Single precision, as all arithmetic on the probability alone.
            desired: [
                1.0,
                f64::from(1.0 + 2.0 * probability),
                f64::from(1.0 + 4.0 * probability),
                f64::from(3.0 + 2.0 * probability),
                5.0,
            ],
        }
    }

    /// Takes a number into account: the new estimate. The fifth number gets the middle marker's position, 3.
    pub fn add(&mut self, value: f64) -> f64 {
        if self.missing != 0 {
            self.missing -= 1;
            self.heights[usize::from(self.missing)] = value;
            if self.missing != 0 {
                return f64::NAN;
            }
            sort(&mut self.heights, &mut [0.0; MARKERS]);
            return self.positions[2];
        }
        let q = &mut self.heights;
        let from = if value < q[0] {
            q[0] = value;
            1
        } else if let Some(at) = (0..3).find(|&at| q[at] <= value && value < q[at + 1]) {
            at + 1
        } else if q[3] <= value && value <= q[4] {
            4
        } else if q[4] < value {
            q[4] = value;
            4
        } else {
            // Not a number: it is below all others.
            0
        };
        for position in &mut self.positions[from..] {
            *position += 1.0;
        }
        let p = self.probability;
        self.desired[1] += f64::from(p * 0.5);
        self.desired[2] += f64::from(p);
        self.desired[3] += f64::from((1.0 + p) * 0.5);
        self.desired[4] += 1.0;
        let desired = self.desired;
        let markers = Markers {
            heights: Cell::from_mut(&mut self.heights[..]).as_slice_of_cells(),
            positions: Cell::from_mut(&mut self.positions[..]).as_slice_of_cells(),
        };
        for (at, desired) in desired.iter().enumerate().take(MARKERS - 1).skip(1) {
            markers.adjust(at, *desired);
        }
        self.heights[2]
    }
}

/// Markers of a quantile or a histogram.
#[derive(Clone, Copy)]
struct Markers<'c> {
    heights: &'c [Cell<f64>],
    positions: &'c [Cell<f64>],
}

impl Markers<'_> {
    /// Moves an inner marker one position towards where it should be, if it is away by one or more and has room.
    fn adjust(self, at: usize, desired: f64) {
        let n = |at: usize| self.positions[at].get();
        let q = |at: usize| self.heights[at].get();
        let distance = desired - n(at);
        let is_due =
            (distance >= 1.0 && n(at + 1) - n(at) > 1.0) || (distance <= -1.0 && n(at - 1) - n(at) < -1.0);
        if !is_due {
            return;
        }
        let (step, beside) = if distance > 0.0 { (1.0, at + 1) } else { (-1.0, at - 1) };
        let parabolic = q(at)
            + step / (n(at + 1) - n(at - 1))
                * ((n(at) - n(at - 1) + step) * (q(at + 1) - q(at)) / (n(at + 1) - n(at))
                    + (n(at + 1) - n(at) - step) * (q(at) - q(at - 1)) / (n(at) - n(at - 1)));
        let height = if q(at - 1) < parabolic && parabolic < q(at + 1) {
            parabolic
        } else {
            q(at) + step * (q(beside) - q(at)) / (n(beside) - n(at))
        };
        self.heights[at].set(height);
        self.positions[at].set(n(at) + step);
    }
}

/// Sorts as glibc's `qsort` does, with production's comparison, to which a number that is none is greater than anything,
/// on whichever side it stands: the outcome is then the algorithm's.
fn sort(values: &mut [f64], scratch: &mut [f64]) {
    if values.len() <= 1 {
        return;
    }
    let (first, second) = values.split_at_mut(values.len() / 2);
    sort(first, scratch);
    sort(second, scratch);
    let (mut a, mut b, mut len) = (0, 0, 0);
    while a < first.len() && b < second.len() {
        let is_first = first[a] <= second[b];
        scratch[len] = if is_first { first[a] } else { second[b] };
        a += usize::from(is_first);
        b += usize::from(!is_first);
        len += 1;
    }
    let rest = first.len() - a;
    scratch[len..len + rest].copy_from_slice(&first[a..]);
    values[..len + rest].copy_from_slice(&scratch[..len + rest]);
}

/// In front of a histogram's heights and positions. From `missing` on the block is the object's dump.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct Head {
    buckets: u16,
    unused: [u16; 2],
    missing: u16,
}

#[derive(Clone, Copy)]
struct Histogram<'l>(Object<'l, Head>);

impl<'l> Histogram<'l> {
    fn buckets(self) -> usize {
        usize::from(self.0.head().get().buckets)
    }

    fn missing(self) -> usize {
        usize::from(self.0.head().get().missing)
    }

    fn set_missing(self, missing: usize) {
        self.0.head().set(Head { missing: missing as u16, ..self.0.head().get() });
    }

    fn markers(self) -> Markers<'l> {
        let (heights, positions) = self.0.cells().split_at(self.buckets() + 1);
        Markers { heights, positions }
    }

    fn dump(self) -> &'l [Cell<u8>] {
        &self.0.bytes()[6..]
    }

    fn clear(self) {
        let Markers { heights, positions } = self.markers();
        self.set_missing(heights.len());
        for (n, (height, position)) in heights.iter().zip(positions).enumerate() {
            height.set(0.0);
            position.set(n as f64 + 1.0);
        }
    }

    fn add(self, lua: Lua<'l>, value: f64) {
        let Markers { heights: q, positions: n } = self.markers();
        let buckets = self.buckets();
        let missing = self.missing();
        if missing != 0 {
            q[missing - 1].set(value);
            self.set_missing(missing - 1);
            if missing == 1 {
                lua.spend(16 * buckets as u64);
                lua.work(|_| {
                    let mut values: Vec<f64> = q.iter().map(Cell::get).collect();
                    sort(&mut values, &mut vec![0.0; q.len()]);
                    for (cell, value) in q.iter().zip(values) {
                        cell.set(value);
                    }
                });
            }
            return;
        }
        lua.spend(2 * buckets as u64);
        let last = &q[buckets];
        let from = if value < q[0].get() {
            q[0].set(value);
            1
        } else if let Some(at) = (0..buckets - 1).find(|&at| q[at].get() <= value && value < q[at + 1].get())
        {
            at + 1
        } else if q[buckets - 1].get() <= value && value <= last.get() {
            buckets
        } else if last.get() < value {
            last.set(value);
            buckets
        } else {
            0
        };
        for position in &n[from..] {
            position.set(position.get() + 1.0);
        }
        for at in 1..buckets {
            let desired = 1.0 + at as f64 * (n[buckets].get() - 1.0) / buckets as f64;
            self.markers().adjust(at, desired);
        }
    }
}

host_call! {
    /// Leaves the module's table on the stack.
    fn open(lua) {
        let protocol = UserdataFns { serialize: Some(quantile_serialize), ..UserdataFns::default() };
        QUANTILE.define(lua, protocol, &[
            (c"__tostring", quantile_tostring),
            (c"add", quantile_add),
            (c"clear", quantile_clear),
            (c"count", quantile_count),
            (c"estimate", quantile_estimate),
            (c"fromstring", quantile_fromstring),
        ]);
        // Its environment is that of the quantiles, which the next class replaces.
        lua.push_fn(quantile_new);
        let protocol = UserdataFns { serialize: Some(histogram_serialize), ..UserdataFns::default() };
        HISTOGRAM.define(lua, protocol, &[
            (c"__tostring", histogram_tostring),
            (c"add", histogram_add),
            (c"clear", histogram_clear),
            (c"count", histogram_count),
            (c"estimate", histogram_estimate),
            (c"fromstring", histogram_fromstring),
        ]);
        lua.pop(1);
        open_library(lua, c"streaming_algorithms.p2", &[
            (c"histogram", histogram_new),
            (c"quantile", histogram_new),
        ]);
        lua.push_value(-2);
        lua.set_field(-2, c"quantile");
        1
    }
}

fn check_quantile(lua: Lua<'_>, count: c_int) -> Object<'_, Quantile> {
    check(lua, &QUANTILE, count)
}

fn check_histogram(lua: Lua<'_>, count: c_int) -> Histogram<'_> {
    Histogram(check(lua, &HISTOGRAM, count))
}

/// The marker at argument 2, at most `last`.
fn check_marker(lua: Lua<'_>, last: usize) -> usize {
    let marker = lua.check_number(2);
    // Fractions are cut: anything below the next whole number is the last marker of a quantile, but not of a histogram.
    if !(marker >= 0.0 && marker <= last as f64) {
        lua.arg_error(2, c"marker out of range");
    }
    marker as usize
}

host_call! {
    fn quantile_new(lua) {
        check_count(lua, 1..=1);
        let probability = lua.check_number(1);
        if !(0.0 < probability && probability < 1.0) {
            lua.arg_error(1, c"0 < quantile < 1");
        }
        Object::push_new(lua, &QUANTILE, Quantile::new(probability as f32), 0);
        1
    }
}

host_call! {
    fn quantile_add(lua) {
        let object = check_quantile(lua, 2);
        let value = lua.check_number(2);
        let mut quantile = object.head().get();
        lua.push_number(quantile.add(value));
        object.head().set(quantile);
        1
    }
}

host_call! {
    fn quantile_clear(lua) {
        let object = check_quantile(lua, 1);
        object.head().set(Quantile::new(object.head().get().probability));
        0
    }
}

/// The quantile at argument 1, and the marker at argument 2 if there are estimates.
fn check_estimates(lua: Lua<'_>) -> (Quantile, Option<usize>) {
    let quantile = check_quantile(lua, 2).head().get();
    let marker = lua.check_number(2);
    if !(marker >= 0.0 && marker < MARKERS as f64) {
        lua.arg_error(2, c"marker out of range");
    }
    (quantile, (quantile.missing == 0).then_some(marker as usize))
}

host_call! {
    fn quantile_count(lua) {
        let (quantile, marker) = check_estimates(lua);
        lua.push_number(marker.map_or(0.0, |it| c_uint64(quantile.positions[it]) as f64));
        1
    }
}

host_call! {
    fn quantile_estimate(lua) {
        let (quantile, marker) = check_estimates(lua);
        lua.push_number(marker.map_or(f64::NAN, |it| quantile.heights[it]));
        1
    }
}

host_call! {
    fn quantile_tostring(lua) {
        lua.push_cells(&check_quantile(lua, 1).bytes()[2..]);
        1
    }
}

host_call! {
    fn quantile_fromstring(lua) {
        let object = check_quantile(lua, 2);
        let bytes = lua.check_bytes(2);
        let quantile = object.head().get();
        let mut restored = quantile;
        let is_state = bytes.len() == size_of::<Quantile>() - 2 && {
            bytemuck::bytes_of_mut(&mut restored)[2..].copy_from_slice(bytes);
            usize::from(restored.missing) <= MARKERS && is_same(restored.probability, quantile.probability)
        };
        if !is_state {
            object.head().set(Quantile::new(quantile.probability));
            raise_invalid(lua);
        }
        object.head().set(restored);
        0
    }
}

/// C's `==` of floats.
#[allow(clippy::float_cmp)]
fn is_same(a: f32, b: f32) -> bool {
    a == b
}

host_call! {
    /// Appends the object to the state file, as the sandbox asks.
    fn quantile_serialize(lua) {
        let Some(object) = Object::<Quantile>::of_protocol(lua, -3) else { return 1 };
        let constructor = |out: &mut Vec<u8>| {
            out.extend_from_slice(b"p2.quantile(");
            out.extend_from_slice(&cformat::g6(object.head().get().probability.into()));
            out.push(b')');
        };
        serialize(lua, constructor, &object.bytes()[2..])
    }
}

host_call! {
    fn histogram_new(lua) {
        check_count(lua, 1..=1);
        let buckets = lua.check_number(1);
        if !(4.0 <= buckets && buckets < f64::from(u16::MAX)) {
            lua.arg_error(1, c"4 <= buckets < 65535");
        }
        let buckets = buckets as u16;
        let head = Head { buckets, unused: [0; 2], missing: 0 };
        let tail = 2 * size_of::<f64>() * (usize::from(buckets) + 1);
        Histogram(Object::push_new(lua, &HISTOGRAM, head, tail)).clear();
        1
    }
}

host_call! {
    fn histogram_add(lua) {
        let histogram = check_histogram(lua, 2);
        histogram.add(lua, lua.check_number(2));
        0
    }
}

host_call! {
    fn histogram_clear(lua) {
        check_histogram(lua, 1).clear();
        0
    }
}

host_call! {
    fn histogram_count(lua) {
        let histogram = check_histogram(lua, 2);
        let marker = check_marker(lua, histogram.buckets());
        let position = histogram.markers().positions[marker].get();
        lua.push_number(if histogram.missing() == 0 { c_uint64(position) as f64 } else { 0.0 });
        1
    }
}

host_call! {
    fn histogram_estimate(lua) {
        let histogram = check_histogram(lua, 2);
        let marker = check_marker(lua, histogram.buckets());
        let height = histogram.markers().heights[marker].get();
        lua.push_number(if histogram.missing() == 0 { height } else { f64::NAN });
        1
    }
}

host_call! {
    fn histogram_tostring(lua) {
        lua.push_cells(check_histogram(lua, 1).dump());
        1
    }
}

host_call! {
    fn histogram_fromstring(lua) {
        let histogram = check_histogram(lua, 2);
        let bytes = lua.check_bytes(2);
        let is_state = matches!(bytes, &[a, b, ..] if bytes.len() == histogram.dump().len()
            && usize::from(u16::from_le_bytes([a, b])) <= histogram.buckets() + 1);
        if !is_state {
            histogram.clear();
            raise_invalid(lua);
        }
        fill(histogram.dump(), bytes);
        0
    }
}

host_call! {
    /// Appends the object to the state file, as the sandbox asks.
    fn histogram_serialize(lua) {
        let Some(histogram) = Object::of_protocol(lua, -3).map(Histogram) else { return 1 };
        let constructor = |out: &mut Vec<u8>| {
            let _ = write!(out, "p2.histogram({})", histogram.buckets());
        };
        serialize(lua, constructor, histogram.dump())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sorting_is_glibcs() {
        let sorted = |values: &[f64]| {
            let mut values = values.to_vec();
            let mut scratch = values.clone();
            sort(&mut values, &mut scratch);
            values.iter().map(|it| format!("{it:?}")).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(sorted(&[5.0, 1.0, 4.0, 2.0, 3.0]), "1.0 2.0 3.0 4.0 5.0");
        assert_eq!(sorted(&[-0.0, 0.0, -1.0, 0.0, -0.0]), "-1.0 -0.0 0.0 0.0 -0.0");
        // A comparison with what is no number takes the second half's number first.
        assert_eq!(sorted(&[f64::NAN, 1.0, 2.0]), "1.0 2.0 NaN");
        assert_eq!(sorted(&[3.0, f64::NAN, 1.0]), "1.0 NaN 3.0");
    }

    #[test]
    fn the_fifth_number_gets_the_marker() {
        let mut quantile = Quantile::new(0.5);
        let estimates: Vec<f64> = (0..6).map(|it| quantile.add(f64::from(it))).collect();
        assert!(estimates[..4].iter().all(|it| it.is_nan()));
        assert_eq!(estimates[4..], [3.0, 2.0]);
    }
}
