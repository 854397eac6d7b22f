//! `bloom_filter`: whether a key was seen before, with a chance of being wrong (`lua_sandbox_extensions`, version 1.0.0).
//!
//! An object is one block: what it was made for, then its bits. Each of its hashes is XXH32 with a seed of its own, and a
//! key is new if any of its bits is. A filter for very many keys that are nearly always told apart wrongly has no hashes:
//! it knows every key and adds none.

use std::{
    cell::Cell,
    ffi::{CStr, c_int},
};

use bytemuck::{Pod, Zeroable};
use xxhash_rust::xxh32::xxh32;

use super::{
    object::{Class, Object, fill},
    sketch::{self, Key, spend_bytes},
};
use crate::{
    sandbox::{
        Kind, NativeModule,
        native::{self, UserdataFns},
    },
    vm::{
        Lua,
        cformat::{c_int64, c_uint64, g6},
        host_call,
    },
};

/// The module.
pub const MODULE: NativeModule =
    NativeModule { name: "bloom_filter", open, io_only: false, version: "1.0.0", kind: Kind::BuiltIn };

const CLASS: Class = Class { name: c"mozsvc.bloom_filter" };
const WRONG_COUNT: &CStr = c"incorrect number of arguments";

/// What a filter was made for, as large as production's.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct Head {
    items: u64,
    bits: u64,
    /// Keys added; a restored state may set any number.
    count: u64,
    hashes: u32,
    reserve: [u32; 3],
    probability: f64,
}

const _: () = assert!(size_of::<Head>() == 48);

type Filter<'l> = Object<'l, Head>;

host_call! {
    /// Leaves the module's table on the stack, which is the global of its name too.
    fn open(lua) {
        let protocol = UserdataFns { serialize: Some(serialize), ..UserdataFns::default() };
        CLASS.define(lua, protocol, &[
            (c"add", add),
            (c"query", query),
            (c"clear", clear),
            (c"count", count),
            (c"fromstring", fromstring),
        ]);
        lua.register(Some(c"bloom_filter"), &[(c"new", new), (c"version", version)]);
        1
    }
}

host_call! {
    fn version(lua) {
        lua.push_bytes(b"1.0.0");
        1
    }
}

/// The object a method is called on, with `arguments` in all.
#[inline]
fn check_self(lua: Lua<'_>, arguments: c_int) -> Filter<'_> {
    let filter = Filter::check(lua, 1, &CLASS);
    if lua.top() != arguments {
        lua.arg_error(0, WRONG_COUNT);
    }
    filter
}

host_call! {
    fn new(lua) {
        if lua.top() != 2 {
            lua.arg_error(0, WRONG_COUNT);
        }
        let items = lua.check_int(1);
        if items <= 1 {
            lua.arg_error(1, c"items must be > 1");
        }
        let probability = lua.check_number(2);
        if !(probability > 0.0 && probability < 1.0) {
            lua.arg_error(2, c"probability must be between 0 and 1");
        }
        let head = size_for(items, probability);
        let bytes = (head.bits as f64 / 8.0).ceil();
        Filter::push_new(lua, &CLASS, head, c_uint64(bytes) as usize);
        1
    }
}

/// As many bits and hashes as keep the chance of error, by production's arithmetic.
fn size_for(items: c_int, probability: f64) -> Head {
    const LN_2: f64 = std::f64::consts::LN_2;
    /// ln(1 / 2^ln 2).
    const BITS_PER_CHANCE: f64 = -0.480_453_013_918_201_5;

    let bits = c_uint64((f64::from(items) * probability.ln() / BITS_PER_CHANCE).ceil());
    let hashes = (LN_2 * bits as f64 / f64::from(items)).round();
    Head { items: items as u64, bits, count: 0, hashes: c_int64(hashes) as u32, reserve: [0; 3], probability }
}

/// The bytes and masks of a key's bits.
#[inline]
fn bits<'l>(lua: Lua<'_>, filter: Filter<'l>, key: &[u8]) -> impl Iterator<Item = (&'l Cell<u8>, u8)> {
    let Head { bits, hashes, .. } = filter.head().get();
    if key.len() > sketch::LONG_KEY {
        spend_bytes(lua, key.len() * hashes as usize);
    }
    let cells = filter.cells::<u8>();
    (0..hashes).map(move |seed| {
        let bit = u64::from(xxh32(key, seed)) % bits;
        (&cells[(bit / 8) as usize], 1 << (bit % 8))
    })
}

host_call! {
    fn add(lua) {
        let filter = check_self(lua, 2);
        let mut is_new = false;
        for (byte, mask) in bits(lua, filter, Key::check(lua).bytes()) {
            let old = byte.get();
            is_new |= old & mask == 0;
            byte.set(old | mask);
        }
        if is_new {
            let head = filter.head().get();
            filter.head().set(Head { count: head.count.wrapping_add(1), ..head });
        }
        lua.push_boolean(is_new);
        1
    }
}

host_call! {
    fn query(lua) {
        let filter = check_self(lua, 2);
        let is_known = bits(lua, filter, Key::check(lua).bytes()).all(|(byte, mask)| byte.get() & mask != 0);
        lua.push_boolean(is_known);
        1
    }
}

host_call! {
    fn count(lua) {
        let filter = check_self(lua, 1);
        lua.push_number(filter.head().get().count as f64);
        1
    }
}

fn set_count(filter: Filter<'_>, count: u64) {
    filter.head().set(Head { count, ..filter.head().get() });
}

host_call! {
    fn clear(lua) {
        let filter = check_self(lua, 1);
        let cells = filter.cells::<u8>();
        spend_bytes(lua, cells.len());
        for cell in cells {
            cell.set(0);
        }
        set_count(filter, 0);
        0
    }
}

host_call! {
    /// `fromstring([count,] bytes)`. The count is taken even where the bytes are refused.
    fn fromstring(lua) {
        let has_count = lua.top() != 2;
        let filter = check_self(lua, if has_count { 3 } else { 2 });
        if has_count {
            set_count(filter, c_uint64(lua.check_number(2)));
        }
        let cells = filter.cells::<u8>();
        fill(cells, sketch::check_state(lua, if has_count { 3 } else { 2 }, cells.len()));
        0
    }
}

host_call! {
    /// The probability is written with six digits: a filter made anew from them may be of another size.
    fn serialize(lua) {
        let key = native::serialize_key(lua);
        let Some(filter) = Filter::of_protocol(lua, -3) else { return 1 };
        sketch::write(lua, |output| {
            let Head { items, probability, count, .. } = filter.head().get();
            let probability = g6(probability);
            let probability = String::from_utf8_lossy(&probability);
            let constructor = format_args!("bloom_filter.new({items}, {probability})");
            sketch::write_constructor(output, key, constructor)?;
            let bytes = filter.cells::<u8>().iter().map(Cell::get);
            sketch::write_fromstring(output, key, format_args!("{}, ", count as u32), bytes, b"")
        })
    }
}
