//! `streaming_algorithms.cm_sketch`: how often each item was seen, never less than it was (a count-min sketch).
//!
//! State files call the module's table as a function: restoring raises unless the script has made the object before.

use std::cell::Cell;

use bytemuck::{Pod, Zeroable};
use xxhash_rust::xxh32::xxh32;

use super::{check, check_count, doom_division, open_library, raise_invalid, serialize};
use crate::{
    modules::object::{Class, Object, fill},
    sandbox::{Kind, NativeModule, native::UserdataFns},
    vm::{
        Doom, Lua, Type,
        cformat::{c_int64, c_uint64, g6},
        host_call,
    },
};

/// The module.
pub const MODULE: NativeModule = NativeModule {
    name: "streaming_algorithms.cm_sketch",
    open,
    io_only: false,
    version: "0.0.12",
    kind: Kind::BuiltIn,
};

const CLASS: Class = Class { name: c"trink.streaming_algorithms.cm_sketch" };

/// In front of `depth` rows of `width` counts. From `items` on the block is the object's dump.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct Head {
    depth: u32,
    width: u32,
    items: u64,
    unique: u64,
}

type Sketch<'l> = Object<'l, Head>;

host_call! {
    /// Leaves the module's table on the stack.
    fn open(lua) {
        let protocol = UserdataFns { serialize: Some(serialize_sketch), ..UserdataFns::default() };
        CLASS.define(lua, protocol, &[
            (c"__tostring", to_string),
            (c"clear", clear),
            (c"fromstring", fromstring),
            (c"item_count", item_count),
            (c"point_query", point_query),
            (c"unique_count", unique_count),
            (c"update", update),
        ]);
        lua.pop(1);
        open_library(lua, c"streaming_algorithms.cm_sketch", &[(c"new", new)]);
        1
    }
}

/// Whether the number lies between 0 and 1.
fn is_part(value: f64) -> bool {
    0.0 < value && value < 1.0
}

host_call! {
    fn new(lua) {
        check_count(lua, 2..=2);
        let epsilon = lua.check_number(1);
        if !is_part(epsilon) {
            lua.arg_error(1, c"0 < epsilon < 1");
        }
        let delta = lua.check_number(2);
        if !is_part(delta) {
            lua.arg_error(2, c"0 < delta < 1");
        }
        let width = (std::f64::consts::E / epsilon).ceil();
        let depth = (1.0 / delta).ln().ceil();
        if width * depth > 18_446_744_073_709_551_616.0 {
            lua.raise(format_args!("invalid size"));
        }
        // Counts behind 2^64 bytes wrap around in production, and so does a width beyond 32 bits.
        let tail = c_uint64(width * depth).wrapping_mul(4) as usize;
        let head = Head { depth: depth as u32, width: c_int64(width) as u32, items: 0, unique: 0 };
        if u128::from(head.width) * u128::from(head.depth) * 4 > tail as u128 {
            lua.new_userdata(size_of::<Head>() + tail);
            lua.context().meter.set_doom(Doom::Assertion("more counts than the sketch has memory for"));
            lua.doom();
        }
        Object::push_new(lua, &CLASS, head, tail);
        lua.spend(tail as u64 / 64);
        1
    }
}

/// Where an item is counted in each row.
#[derive(Clone, Copy)]
struct Places<'l> {
    sketch: Sketch<'l>,
    first: u32,
    second: u32,
}

impl<'l> Places<'l> {
    /// Of the item at argument 2: a string, or a number as it stands in memory.
    fn check(lua: Lua<'l>, sketch: Sketch<'l>) -> Places<'l> {
        let number;
        let item = match lua.type_at(2) {
            Type::String => lua.check_bytes(2),
            Type::Number => {
                number = lua.check_number(2).to_le_bytes();
                &number
            }
            _ => lua.arg_error(2, c"must be a string or number"),
        };
        let head = sketch.head().get();
        lua.spend(item.len() as u64 / 8 + 2 * u64::from(head.depth));
        if head.width == 0 && head.depth != 0 {
            doom_division(lua);
        }
        Places { sketch, first: xxh32(item, 1), second: xxh32(item, 2) }
    }

    fn counts(self) -> impl Iterator<Item = &'l Cell<u32>> {
        let Head { depth, width, .. } = self.sketch.head().get();
        let counts = self.sketch.cells::<u32>();
        (0..depth).map(move |n| {
            let hash = self.first.wrapping_add(n.wrapping_mul(self.second)).wrapping_add(n.wrapping_mul(n));
            &counts[(n.wrapping_mul(width).wrapping_add(hash % width)) as usize]
        })
    }

    /// The least of the counts; of no rows, the highest number there is.
    fn estimate(self) -> u32 {
        self.counts().map(Cell::get).min().unwrap_or(u32::MAX)
    }

    /// Counts the item `n` times more. Only what has to grow does, and nothing beyond 32 bits.
    fn add(self, n: i32) -> u32 {
        let estimate = self.estimate();
        let mut head = self.sketch.head().get();
        if estimate == 0 {
            head.unique = head.unique.wrapping_add(1);
        }
        let mut added = 0;
        for cell in self.counts() {
            let count = cell.get();
            let room = (u32::MAX - count).min(n as u32);
            cell.set(count.max(estimate.wrapping_add(room)));
            added = room.max(added);
        }
        head.items = head.items.wrapping_add(added.into());
        self.sketch.head().set(head);
        estimate.wrapping_add(added)
    }

    /// Counts the item `n`, a negative number, times less.
    fn remove(self, n: i32) -> u32 {
        let estimate = self.estimate();
        if estimate == 0 {
            return 0;
        }
        let mut head = self.sketch.head().get();
        let mut n = n.wrapping_abs();
        if n as u32 >= estimate {
            n = estimate as i32;
            head.unique = head.unique.wrapping_sub(1);
        }
        for cell in self.counts() {
            cell.set(cell.get().wrapping_sub(n as u32));
        }
        head.items = head.items.wrapping_sub(i64::from(n) as u64);
        self.sketch.head().set(head);
        estimate.wrapping_sub(n as u32)
    }
}

host_call! {
    fn update(lua) {
        let sketch = Object::check(lua, 1, &CLASS);
        check_count(lua, 2..=3);
        let places = Places::check(lua, sketch);
        let n = lua.opt_int(3, 1);
        let count = match n {
            0 => places.estimate(),
            1.. => places.add(n),
            _ => places.remove(n),
        };
        lua.push_number(count.into());
        1
    }
}

host_call! {
    fn point_query(lua) {
        let sketch = check(lua, &CLASS, 2);
        lua.push_number(Places::check(lua, sketch).estimate().into());
        1
    }
}

host_call! {
    fn item_count(lua) {
        lua.push_number(check::<Head>(lua, &CLASS, 1).head().get().items as f64);
        1
    }
}

host_call! {
    fn unique_count(lua) {
        lua.push_number(check::<Head>(lua, &CLASS, 1).head().get().unique as f64);
        1
    }
}

fn empty(lua: Lua<'_>, sketch: Sketch<'_>) {
    let bytes = dump(sketch);
    lua.spend(bytes.len() as u64 / 16);
    for byte in bytes {
        byte.set(0);
    }
}

fn dump(sketch: Sketch<'_>) -> &[Cell<u8>] {
    &sketch.bytes()[8..]
}

host_call! {
    fn clear(lua) {
        empty(lua, check(lua, &CLASS, 1));
        0
    }
}

host_call! {
    fn to_string(lua) {
        let bytes = dump(check(lua, &CLASS, 1));
        lua.spend(bytes.len() as u64 / 16);
        lua.push_cells(bytes);
        1
    }
}

host_call! {
    fn fromstring(lua) {
        let sketch = check(lua, &CLASS, 2);
        let bytes = lua.check_bytes(2);
        if bytes.len() != dump(sketch).len() {
            empty(lua, sketch);
            raise_invalid(lua);
        }
        lua.spend(bytes.len() as u64 / 16);
        fill(dump(sketch), bytes);
        0
    }
}

host_call! {
    /// Appends the object to the state file, as the sandbox asks.
    fn serialize_sketch(lua) {
        let Some(sketch) = Sketch::of_protocol(lua, -3) else { return 1 };
        let constructor = |out: &mut Vec<u8>| {
            // Numbers that give the same sizes again.
            let head = sketch.head().get();
            let epsilon = std::f64::consts::E / (f64::from(head.width) - 0.5);
            let delta = 1.0 / std::f64::consts::E.powf(f64::from(head.depth) - 0.5);
            out.extend_from_slice(b"cm_sketch(");
            out.extend_from_slice(&g6(epsilon));
            out.extend_from_slice(b", ");
            out.extend_from_slice(&g6(delta));
            out.push(b')');
        };
        serialize(lua, constructor, dump(sketch))
    }
}
