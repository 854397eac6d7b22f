//! `hyperloglog`: how many different keys there were, in 12 kB (`lua_sandbox_extensions`, version 1.0.1).
//!
//! * [`registers`]: the packed registers, and the key's place among them.
//! * [`estimate`]: from registers to a number.
//! * Here: the functions scripts call. An object is one block, laid out as its text is, so that `tostring` and state
//!   files are copies of it.
//!
//! The estimate is kept in the block. Its top bit says that registers have changed since; whoever looks at the text sees
//! that bit and the estimate before.

mod estimate;
mod registers;

use std::{cell::Cell, ffi::CStr};

use bytemuck::{Pod, Zeroable};

use self::registers::{COUNT, Registers, SIZE};
use super::{
    object::{Class, Object, fill},
    sketch::{self, Key, spend_bytes},
};
use crate::{
    sandbox::{
        Kind, NativeModule,
        native::{self, UserdataFns},
    },
    vm::{Doom, Lua, host_call},
};

/// The module.
pub const MODULE: NativeModule =
    NativeModule { name: "hyperloglog", open, io_only: false, version: "1.0.1", kind: Kind::BuiltIn };

const CLASS: Class = Class { name: c"mozsvc.hyperloglog" };
const WRONG_COUNT: &CStr = c"incorrect number of arguments";

const MAGIC: [u8; 4] = *b"HYLL";
/// Registers of six bits; what other numbers would mean is redis's business.
const DENSE: u8 = 0;
/// Registers of eight bits, which redis never stores: they would not fit.
const RAW: u8 = 255;
/// The estimate is older than the registers.
const STALE: u64 = 1 << 63;

/// The start of the block, and of the text.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct Head {
    magic: [u8; 4],
    encoding: u8,
    reserve: [u8; 3],
    /// The estimate, little endian.
    estimate: [u8; 8],
}

/// Bytes of an object as text.
const TEXT: usize = size_of::<Head>() + SIZE;
/// The block has a byte more than its text: the last register is read as two bytes, too.
const TAIL: usize = SIZE + 1;

type Sketch<'l> = Object<'l, Head>;

host_call! {
    /// Leaves the module's table on the stack, which is the global of its name too.
    fn open(lua) {
        let protocol = UserdataFns { output: Some(output), serialize: Some(serialize), ..UserdataFns::default() };
        CLASS.define(lua, protocol, &[
            (c"add", add),
            (c"count", count),
            (c"clear", clear),
            (c"merge", merge),
            (c"fromstring", fromstring),
            (c"__tostring", tostring),
        ]);
        lua.register(Some(c"hyperloglog"), &[(c"new", new), (c"count", count_union), (c"version", version)]);
        1
    }
}

host_call! {
    fn version(lua) {
        lua.push_bytes(b"1.0.1");
        1
    }
}

/// The object a method is called on, with `arguments` in all.
#[inline]
fn check_self(lua: Lua<'_>, arguments: std::ffi::c_int) -> Sketch<'_> {
    check_count(lua, lua.top() == arguments);
    Sketch::check(lua, 1, &CLASS)
}

/// A wrong number of arguments is the last one's fault.
#[inline]
fn check_count(lua: Lua<'_>, is_right: bool) {
    if !is_right {
        lua.arg_error(lua.top(), WRONG_COUNT);
    }
}

fn registers(sketch: Sketch<'_>) -> Registers<'_> {
    Registers::new(sketch.cells())
}

fn invalidate(sketch: Sketch<'_>) {
    let head = sketch.head().get();
    let estimate = (u64::from_le_bytes(head.estimate) | STALE).to_le_bytes();
    sketch.head().set(Head { estimate, ..head });
}

host_call! {
    fn new(lua) {
        check_count(lua, lua.top() == 0);
        let head = Head { magic: MAGIC, encoding: DENSE, reserve: [0; 3], estimate: STALE.to_le_bytes() };
        Sketch::push_new(lua, &CLASS, head, TAIL);
        1
    }
}

host_call! {
    fn add(lua) {
        let sketch = check_self(lua, 2);
        let is_changed = registers(sketch).add(Key::check(lua).bytes());
        if is_changed {
            invalidate(sketch);
        }
        lua.push_boolean(is_changed);
        1
    }
}

host_call! {
    fn count(lua) {
        let sketch = check_self(lua, 1);
        let head = sketch.head().get();
        let mut estimate = u64::from_le_bytes(head.estimate);
        if estimate & STALE != 0 {
            lua.spend(COUNT as u64);
            estimate = match head.encoding {
                DENSE => estimate::of_dense(registers(sketch)),
                RAW => {
                    let why = "a hyperloglog with encoding 255 is counted from memory behind it";
                    lua.context().meter.set_doom(Doom::Undefined(why));
                    lua.doom()
                }
                _ => 0,
            };
            sketch.head().set(Head { estimate: estimate.to_le_bytes(), ..head });
        }
        lua.push_number(estimate as f64);
        1
    }
}

host_call! {
    /// `hyperloglog.count(a, b, ...)`: what their union counts; they stay as they are.
    fn count_union(lua) {
        check_count(lua, lua.top() > 1);
        let mut union = [0; COUNT];
        for n in 1..=lua.top() {
            let sketch = Sketch::check(lua, n, &CLASS);
            lua.spend(COUNT as u64);
            registers(sketch).raise(&mut union);
        }
        lua.push_number(estimate::of_union(&union) as f64);
        1
    }
}

host_call! {
    fn merge(lua) {
        let sketch = check_self(lua, 2);
        let other = Sketch::check(lua, 2, &CLASS);
        if !sketch.is(other) {
            lua.spend(COUNT as u64);
            registers(sketch).merge(registers(other));
            invalidate(sketch);
        }
        lua.push_value(1);
        1
    }
}

host_call! {
    fn clear(lua) {
        let sketch = check_self(lua, 1);
        spend_bytes(lua, TEXT);
        for cell in sketch.cells::<u8>() {
            cell.set(0);
        }
        invalidate(sketch);
        0
    }
}

host_call! {
    /// Takes the whole text, whatever its registers and estimate are.
    fn fromstring(lua) {
        let sketch = check_self(lua, 2);
        let text = sketch::check_state(lua, 2, TEXT);
        if text[..4] != MAGIC {
            lua.raise(format_args!("fromstring() HYLL header not found"));
        }
        // Production looks at the byte behind the encoding.
        if text[5] != DENSE {
            lua.raise(format_args!("fromstring() invalid encoding"));
        }
        fill(sketch.bytes(), text);
        0
    }
}

fn text(sketch: Sketch<'_>) -> impl Iterator<Item = u8> {
    sketch.bytes()[..TEXT].iter().map(Cell::get)
}

host_call! {
    fn tostring(lua) {
        let sketch = check_self(lua, 1);
        spend_bytes(lua, TEXT);
        lua.work(|context| {
            context.scratch.clear();
            context.scratch.extend(text(sketch));
        });
        lua.push_scratch();
        1
    }
}

host_call! {
    fn output(lua) {
        let (Some(sketch), false) = (Sketch::of_protocol(lua, -2), lua.to_userdata(-1).is_null()) else {
            return 1;
        };
        sketch::write(lua, |output| {
            let text: Vec<u8> = text(sketch).collect();
            output.text(&text)
        })
    }
}

host_call! {
    fn serialize(lua) {
        let key = native::serialize_key(lua);
        let Some(sketch) = Sketch::of_protocol(lua, -3) else { return 1 };
        sketch::write(lua, |output| {
            sketch::write_constructor(output, key, format_args!("hyperloglog.new()"))?;
            sketch::write_fromstring(output, key, format_args!(""), text(sketch), b"")
        })
    }
}
