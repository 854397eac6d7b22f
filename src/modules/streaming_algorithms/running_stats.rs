//! `streaming_algorithms.running_stats`: count, mean and deviation of a stream.

use bytemuck::{Pod, Zeroable};

use super::{check, open_library, raise_invalid, serialize};
use crate::{
    modules::object::{Class, Object, fill},
    sandbox::{Kind, NativeModule, native::UserdataFns},
    vm::{Lua, host_call},
};

/// The module.
pub const MODULE: NativeModule = NativeModule {
    name: "streaming_algorithms.running_stats",
    open,
    io_only: false,
    version: "0.0.12",
    kind: Kind::BuiltIn,
};

const CLASS: Class = Class { name: c"trink.streaming_algorithms.running_stats" };

/// What is known of the numbers so far; the object, and its dump.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
pub struct Stats {
    /// How many there were.
    pub count: f64,
    /// Their mean.
    pub mean: f64,
    /// The sum of their squared deviations from it.
    pub sum: f64,
}

impl Stats {
    /// Of no numbers.
    pub const NONE: Stats = Stats { count: 0.0, mean: 0.0, sum: 0.0 };

    /// Takes a finite number into account.
    #[allow(clippy::float_cmp)]
    pub fn add(&mut self, value: f64) {
        if !value.is_finite() {
            return;
        }
        self.count += 1.0;
        if self.count == 1.0 {
            self.mean = value;
        } else {
            let mean = self.mean;
            self.mean = mean + (value - mean) / self.count;
            self.sum += (value - mean) * (value - self.mean);
        }
    }

    /// The sample's variance, 0 of fewer than two numbers.
    pub fn variance(&self) -> f64 {
        if self.count < 2.0 { 0.0 } else { self.sum / (self.count - 1.0) }
    }

    /// The sample's deviation, 0 of fewer than two numbers.
    pub fn deviation(&self) -> f64 {
        self.variance().sqrt()
    }

    /// The deviation where the numbers are all there are.
    pub fn uncorrected_deviation(&self) -> f64 {
        if self.count < 2.0 { 0.0 } else { (self.sum / self.count).sqrt() }
    }
}

host_call! {
    /// Leaves the module's table on the stack.
    fn open(lua) {
        let protocol = UserdataFns { serialize: Some(serialize_stats), ..UserdataFns::default() };
        CLASS.define(lua, protocol, &[
            (c"__tostring", to_string),
            (c"add", add),
            (c"avg", avg),
            (c"clear", clear),
            (c"count", count),
            (c"fromstring", fromstring),
            (c"sd", sd),
            (c"usd", usd),
            (c"variance", variance),
        ]);
        open_library(lua, c"streaming_algorithms.running_stats", &[(c"new", new)]);
        1
    }
}

host_call! {
    fn new(lua) {
        if lua.top() != 0 {
            lua.arg_error(0, c"this function takes no arguments");
        }
        Object::push_new(lua, &CLASS, Stats::NONE, 0);
        1
    }
}

host_call! {
    fn add(lua) {
        let object = check::<Stats>(lua, &CLASS, 2);
        let value = lua.check_number(2);
        let mut stats = object.head().get();
        stats.add(value);
        object.head().set(stats);
        lua.push_number(stats.mean);
        1
    }
}

fn push(lua: Lua<'_>, what: fn(&Stats) -> f64) -> std::ffi::c_int {
    let stats = check::<Stats>(lua, &CLASS, 1).head().get();
    lua.push_number(what(&stats));
    1
}

host_call! {
    fn avg(lua) { push(lua, |it| it.mean) }
}

host_call! {
    fn count(lua) { push(lua, |it| it.count) }
}

host_call! {
    fn sd(lua) { push(lua, Stats::deviation) }
}

host_call! {
    fn usd(lua) { push(lua, Stats::uncorrected_deviation) }
}

host_call! {
    fn variance(lua) { push(lua, Stats::variance) }
}

host_call! {
    fn clear(lua) {
        check(lua, &CLASS, 1).head().set(Stats::NONE);
        0
    }
}

host_call! {
    fn to_string(lua) {
        lua.push_cells(check::<Stats>(lua, &CLASS, 1).bytes());
        1
    }
}

host_call! {
    fn fromstring(lua) {
        let object = check::<Stats>(lua, &CLASS, 2);
        let bytes = lua.check_bytes(2);
        if bytes.len() == size_of::<Stats>() {
            fill(object.bytes(), bytes);
        }
        if bytes.len() != size_of::<Stats>() || object.head().get().count < 0.0 {
            object.head().set(Stats::NONE);
            raise_invalid(lua);
        }
        0
    }
}

host_call! {
    /// Appends the object to the state file, as the sandbox asks.
    fn serialize_stats(lua) {
        let Some(object) = Object::<Stats>::of_protocol(lua, -3) else { return 1 };
        serialize(lua, |out| out.extend_from_slice(b"running_stats.new()"), object.bytes())
    }
}
