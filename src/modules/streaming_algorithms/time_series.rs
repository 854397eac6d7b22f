//! `streaming_algorithms.time_series`: a ring of 32-bit counters over time, what is in it, and where it behaves unlike the
//! rest.
//!
//! Production's arithmetic on rows mixes widths: a time two billion rows back looks like a recent one, and rows beyond 2^63
//! are negative. The first is kept. The second makes production read and write in front of the counters; the filter ends.

use std::{
    cell::Cell,
    ffi::{CStr, c_int},
    io::Write as _,
};

use bytemuck::{Pod, Zeroable};

use super::{
    check, check_count, doom_division, open_library, p2::Quantile, profile, raise_invalid,
    running_stats::Stats, serialize,
};
use crate::{
    modules::object::{Class, Object, fill},
    sandbox::{Kind, NativeModule, native::UserdataFns},
    vm::{Doom, Lua, Type, cformat::c_uint64, host_call},
};

/// The module.
pub const MODULE: NativeModule = NativeModule {
    name: "streaming_algorithms.time_series",
    open,
    io_only: false,
    version: "0.0.12",
    kind: Kind::BuiltIn,
};

const CLASS: Class = Class { name: c"trink.streaming_algorithms.time_series_int" };

/// 2^64, which as an integer is 0.
const MAX_NS: f64 = 18_446_744_073_709_551_616.0;
const INVALID_LENGTH: &CStr = c"invalid sequence length";

/// The whole block is the dump: these, the number of rows, the rows, and one value more, which in production's dumps is
/// whatever memory held.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct Head {
    current_time: u64,
    ns_per_row: u64,
}

#[derive(Clone, Copy)]
struct Series<'l> {
    lua: Lua<'l>,
    object: Object<'l, Head>,
    /// The counters.
    rows: &'l [Cell<i32>],
}

impl<'l> Series<'l> {
    fn new(lua: Lua<'l>, object: Object<'l, Head>) -> Series<'l> {
        let [_, rows @ .., _] = object.cells() else { unreachable!("a series has rows") };
        Series { lua, object, rows }
    }

    /// The series at argument `n`.
    fn check(lua: Lua<'l>, n: c_int) -> Series<'l> {
        Series::new(lua, Object::check(lua, n, &CLASS))
    }

    /// The series a method is called on, with exactly `count` arguments.
    fn check_count(lua: Lua<'l>, count: c_int) -> Series<'l> {
        Series::new(lua, check(lua, &CLASS, count))
    }

    fn count(self) -> c_int {
        self.rows.len() as c_int
    }

    fn current_time(self) -> u64 {
        self.object.head().get().current_time
    }

    fn ns_per_row(self) -> u64 {
        self.object.head().get().ns_per_row
    }

    /// The start of the oldest row, if the newest is at a row's start.
    fn start_time(self) -> u64 {
        self.current_time().wrapping_sub(self.ns_per_row().wrapping_mul(self.rows.len() as u64 - 1))
    }

    fn set_current_time(self, time: u64) {
        self.object.head().set(Head { current_time: time, ..self.object.head().get() });
    }

    fn clear(self) {
        self.lua.spend(self.rows.len() as u64 / 4);
        self.set_current_time(self.ns_per_row().wrapping_mul(self.rows.len() as u64 - 1));
        self.rows.iter().for_each(|it| it.set(0));
    }

    /// The row of a time, signed as production has it.
    fn row_of(self, ns: u64) -> i64 {
        match ns.checked_div(self.ns_per_row()) {
            Some(row) => row as i64,
            None => doom_division(self.lua),
        }
    }

    /// The start of a time's row.
    fn align(self, ns: u64) -> u64 {
        match ns.checked_rem(self.ns_per_row()) {
            Some(rest) => ns - rest,
            None => doom_division(self.lua),
        }
    }

    /// Where a row is among the counters.
    fn place(self, row: i64) -> Option<usize> {
        match row % self.rows.len() as i64 {
            // The number that stands for no row.
            -1 => None,
            it if it < 0 => self.doom_outside(),
            it => Some(it as usize),
        }
    }

    #[cold]
    fn doom_outside(self) -> ! {
        self.lua.context().meter.set_doom(Doom::Undefined("a time_series row beyond 2^63"));
        self.lua.doom()
    }

    /// Where the counter of a time is, if it is in the window.
    fn find(self, ns: u64) -> Option<usize> {
        let (current, requested) = (self.row_of(self.current_time()), self.row_of(ns));
        // The difference is cut to 32 bits before its size is looked at.
        let back = (requested.wrapping_sub(current) as i32).wrapping_abs();
        if requested > current || back >= self.count() {
            return None;
        }
        self.place(requested)
    }

    /// As [`Series::find`], moving the window on to times that are newer.
    fn reach(self, ns: u64) -> Option<usize> {
        let (current, requested) = (self.row_of(self.current_time()), self.row_of(ns));
        let ahead = requested.wrapping_sub(current);
        if ahead <= 0 {
            return self.find(ns);
        }
        let rows = self.rows.len();
        self.lua.spend(ahead.min(rows as i64) as u64 / 4);
        if ahead >= rows as i64 {
            self.rows.iter().for_each(|it| it.set(0));
        } else {
            let next = current % rows as i64 + 1;
            if next < 0 {
                self.doom_outside();
            }
            for n in 0..ahead {
                self.rows[(next + n) as usize % rows].set(0);
            }
        }
        self.set_current_time(self.align(ns));
        self.place(requested)
    }

    fn add(self, ns: u64, value: i32) -> Option<i32> {
        let cell = &self.rows[self.reach(ns)?];
        cell.set(cell.get().saturating_add(value));
        Some(cell.get())
    }

    fn set(self, ns: u64, value: i32) -> Option<i32> {
        self.rows[self.reach(ns)?].set(value);
        Some(value)
    }

    /// The `n` counters from `at` on, around the ring.
    fn run(self, at: usize, n: c_int) -> impl Iterator<Item = i32> + 'l {
        let (before, after) = self.rows.split_at(at);
        after.iter().chain(before).map(Cell::get).take(n.max(0) as usize)
    }

    fn dump(self) -> &'l [Cell<u8>] {
        self.object.bytes()
    }
}

host_call! {
    /// Leaves the module's table on the stack.
    fn open(lua) {
        let protocol = UserdataFns { serialize: Some(serialize_series), ..UserdataFns::default() };
        CLASS.define(lua, protocol, &[
            (c"__tostring", to_string),
            (c"add", add),
            (c"current_time", current_time),
            (c"fromstring", fromstring),
            (c"get", get),
            (c"get_configuration", get_configuration),
            (c"get_range", get_range),
            (c"matrix_profile", matrix_profile),
            (c"merge", merge),
            (c"set", set),
            (c"stats", stats),
        ]);
        lua.pop(1);
        open_library(lua, c"streaming_algorithms.time_series", &[(c"new", new)]);
        1
    }
}

host_call! {
    fn new(lua) {
        check_count(lua, 2..=2);
        let rows = lua.check_int(1);
        if rows <= 1 {
            lua.arg_error(1, c"must be > 1");
        }
        let ns = lua.check_number(2);
        if !(ns > 0.0 && ns <= MAX_NS) {
            lua.arg_error(2, c"must be 1 - UINT64_MAX");
        }
        let head = Head { current_time: 0, ns_per_row: c_uint64(ns) };
        let object = Object::push_new(lua, &CLASS, head, size_of::<i32>() * (rows as usize + 2));
        object.cells::<i32>()[0].set(rows);
        Series::new(lua, object).clear();
        1
    }
}

fn check_ns(lua: Lua<'_>, n: c_int) -> u64 {
    let ns = lua.check_number(n);
    if !(0.0..=MAX_NS).contains(&ns) {
        lua.arg_error(n, c"must be 0 - UINT64_MAX");
    }
    c_uint64(ns)
}

/// The start at argument 2, which is that of the window for nil.
fn check_start(lua: Lua<'_>, series: Series<'_>) -> u64 {
    if lua.type_at(2) == Type::Nil {
        return series.start_time();
    }
    series.align(check_ns(lua, 2))
}

/// The number of rows at argument 3, which may be negative.
fn check_length(lua: Lua<'_>, series: Series<'_>) -> c_int {
    let length = lua.check_int(3);
    if length > series.count() {
        lua.arg_error(3, INVALID_LENGTH);
    }
    length
}

/// The lowest integer is what production says of a row that does not exist.
fn push_value(lua: Lua<'_>, value: Option<i32>) -> c_int {
    match value {
        None | Some(i32::MIN) => lua.push_nil(),
        Some(value) => lua.push_number(value.into()),
    }
    1
}

host_call! {
    fn add(lua) {
        let series = Series::check_count(lua, 3);
        let ns = check_ns(lua, 2);
        let value = lua.check_int(3);
        push_value(lua, series.add(ns, value))
    }
}

host_call! {
    fn set(lua) {
        let series = Series::check_count(lua, 3);
        let ns = check_ns(lua, 2);
        let value = lua.check_int(3);
        push_value(lua, series.set(ns, value))
    }
}

host_call! {
    fn get(lua) {
        let series = Series::check_count(lua, 2);
        let ns = check_ns(lua, 2);
        push_value(lua, series.find(ns).map(|at| series.rows[at].get()))
    }
}

host_call! {
    fn current_time(lua) {
        lua.push_number(Series::check_count(lua, 1).current_time() as f64);
        1
    }
}

host_call! {
    fn get_configuration(lua) {
        let series = Series::check_count(lua, 1);
        lua.push_number(series.count().into());
        lua.push_number(series.ns_per_row() as f64);
        2
    }
}

host_call! {
    fn get_range(lua) {
        let series = Series::check_count(lua, 3);
        let start = check_start(lua, series);
        let length = check_length(lua, series);
        let Some(at) = series.find(start) else { return 0 };
        lua.spend(length.max(0) as u64);
        lua.new_table(length, 0);
        for (n, value) in (1..).zip(series.run(at, length)) {
            lua.push_number(value.into());
            lua.raw_set_i(-2, n);
        }
        1
    }
}

host_call! {
    fn merge(lua) {
        check_count(lua, 2..=3);
        let into = Series::check(lua, 1);
        let from = Series::check(lua, 2);
        let is_add = lua.check_option(3, Some(c"add"), &[c"add", c"set"]) == 0;
        if into.ns_per_row() > from.ns_per_row() {
            lua.arg_error(
                3,
                c"the resolution of the time series being merged must be greater than or equal to the destination",
            );
        }
        let start = from.start_time();
        let Some(newest) = from.current_time().checked_div(from.ns_per_row()) else { doom_division(lua) };
        let count = from.rows.len() as u64;
        lua.spend(2 * count);
        for n in 0..count {
            let ns = start.wrapping_add(n.wrapping_mul(from.ns_per_row()));
            let value = from.rows[((newest % count + 1 + n) % count) as usize].get();
            if is_add {
                into.add(ns, value);
            } else {
                into.set(ns, value);
            }
        }
        0
    }
}

host_call! {
    fn stats(lua) {
        check_count(lua, 3..=5);
        let series = Series::check(lua, 1);
        let start = check_start(lua, series);
        let length = check_length(lua, series);
        let options = [c"sum", c"min", c"max", c"avg", c"sd", c"usd"];
        let kind = lua.check_option(4, Some(options[0]), &options);
        let includes_zero = lua.to_boolean(5);
        let Some(at) = series.find(start) else { return 0 };
        lua.spend(length.max(0) as u64);
        let values = series.run(at, length).filter(|&it| it != 0 || includes_zero);
        let mut count = 0_i32;
        let values = values.inspect(|_| count += 1);
        let result = match kind {
            1 => f64::from(values.min().unwrap_or(i32::MAX)),
            2 => f64::from(values.max().unwrap_or(i32::MIN)),
            4 | 5 => {
                let mut stats = Stats::NONE;
                values.for_each(|it| stats.add(it.into()));
                if kind == 4 { stats.deviation() } else { stats.uncorrected_deviation() }
            }
            _ => values.map(f64::from).fold(0.0, |sum, it| sum + it),
        };
        let result = match (kind, count) {
            (3, 0) => 0.0,
            (3, count) => result / f64::from(count),
            _ => result,
        };
        lua.push_number(result);
        lua.push_number(count.into());
        2
    }
}

host_call! {
    fn matrix_profile(lua) {
        let series = Series::check(lua, 1);
        let start = check_start(lua, series);
        let length = lua.check_int(3);
        let part = lua.check_int(4);
        if !(length <= series.count() && length / 4 >= part) {
            lua.arg_error(3, INVALID_LENGTH);
        }
        if part <= 3 {
            lua.arg_error(4, c"invalid sub-sequence length");
        }
        let percent = lua.check_number(5);
        if !(percent > 0.0 && percent <= 100.0) {
            lua.arg_error(5, c"invalid percent");
        }
        let options = [c"anomaly", c"anomaly_current", c"mp", c"mpi"];
        let kind = lua.check_option(6, Some(options[0]), &options);
        let Some(at) = series.find(start) else { return 0 };
        let (length, part) = (length as usize, part as usize);
        let count = length - part + 1;
        if kind >= 2 {
            // First of all, because it can run finalizers, which are the script's and may need the scratch space.
            lua.new_table(count as c_int, 0);
        }
        let found = lua.work(|context| {
            let ring = |n: usize| series.rows[(at + n) % series.rows.len()].get();
            let values = (0..length).map(ring).collect();
            let profile = profile::compute(values, part, percent, &mut context.meter)?;
            context.scratch.clear();
            let discord = match kind {
                0 => find_discord(&profile.distances, 0),
                1 => find_discord(&profile.distances, count - part),
                2 => {
                    context.scratch.extend(profile.distances.iter().flat_map(|it| it.to_le_bytes()));
                    None
                }
                _ => {
                    let neighbours = profile.neighbours.iter().map(|&it| it as f64);
                    context.scratch.extend(neighbours.flat_map(f64::to_le_bytes));
                    None
                }
            };
            Some(discord)
        });
        let Some(discord) = found else {
            lua.context().meter.set_doom(Doom::Steps);
            lua.doom();
        };
        if kind >= 2 {
            for (n, bytes) in (1..).zip(lua.context().scratch.as_chunks::<8>().0) {
                lua.push_number(f64::from_le_bytes(*bytes));
                lua.raw_set_i(-2, n);
            }
            return 1;
        }
        let Some((n, range, above)) = discord else { return 0 };
        let time = start.wrapping_add((n as u64).wrapping_mul(series.ns_per_row()));
        lua.push_number(time as f64);
        lua.push_number(range);
        lua.push_number(above);
        3
    }
}

/// The farthest part from `first` on: where it is, what percentage of the range the farthest twentieth takes, and how far it
/// is above the median. Both are estimates.
fn find_discord(distances: &[f64], first: usize) -> Option<(usize, f64, f64)> {
    let (mut high, mut median) = (Quantile::new(0.95), Quantile::new(0.5));
    let (mut farthest, mut at) = (f64::NEG_INFINITY, 0);
    let (mut high_estimate, mut median_estimate) = (0.0, 0.0);
    for (n, &distance) in distances.iter().enumerate().skip(first) {
        high_estimate = high.add(distance);
        median_estimate = median.add(distance);
        if distance > farthest {
            farthest = distance;
            at = n;
        }
    }
    let range = (farthest - high_estimate) / (farthest - median_estimate) * 100.0;
    (!farthest.is_infinite()).then_some((at, range, farthest - median_estimate))
}

host_call! {
    fn to_string(lua) {
        let series = Series::check_count(lua, 1);
        lua.spend(series.rows.len() as u64 / 4);
        lua.push_cells(series.dump());
        1
    }
}

host_call! {
    fn fromstring(lua) {
        let series = Series::check_count(lua, 2);
        let bytes = lua.check_bytes(2);
        let dump = series.dump();
        // The sizes behind the time must be the object's own.
        let sizes = size_of::<u64>()..2 * size_of::<u64>() + size_of::<i32>();
        let is_state = bytes.len() == dump.len()
            && dump[sizes.clone()].iter().map(Cell::get).eq(bytes[sizes].iter().copied());
        if !is_state {
            series.clear();
            raise_invalid(lua);
        }
        lua.spend(series.rows.len() as u64 / 4);
        fill(&dump[..dump.len() - size_of::<i32>()], bytes);
        0
    }
}

host_call! {
    /// Appends the object to the state file, as the sandbox asks.
    fn serialize_series(lua) {
        let Some(object) = Object::<Head>::of_protocol(lua, -3) else { return 1 };
        let series = Series::new(lua, object);
        let (rows, ns) = (series.count(), series.ns_per_row());
        let constructor = |out: &mut Vec<u8>| {
            let _ = write!(out, "time_series.new({rows}, {ns})");
        };
        serialize(lua, constructor, series.dump())
    }
}
