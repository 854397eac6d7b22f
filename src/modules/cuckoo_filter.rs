//! `cuckoo_filter`: a set of keys from which they can be deleted again (`lua_sandbox_extensions`, version 1.1.1).
//!
//! An object is one block: numbers, then buckets of four fingerprints of 16 bits. A key is in one of two buckets, each of
//! which is known from the other and the fingerprint, so that fingerprints can be moved to make room; which one moves is
//! drawn from the generator of `math.random`. Two keys with one fingerprint in the same buckets are one key.
//!
//! `cuckoo_filter_expire` shares what is about buckets: [`bucket_count`] and [`Neighbours`].

use std::{
    cell::Cell,
    ffi::{CStr, c_int},
};

use bytemuck::{Pod, Zeroable};
use xxhash_rust::xxh64::xxh64;

use super::{
    object::{Class, Object, fill},
    sketch::{self, Key},
};
use crate::{
    sandbox::{
        Kind, NativeModule,
        native::{self, UserdataFns},
    },
    vm::{Doom, Lua, cformat::c_uint64, host_call},
};

/// The module.
pub const MODULE: NativeModule =
    NativeModule { name: "cuckoo_filter", open, io_only: false, version: "1.1.1", kind: Kind::BuiltIn };

const CLASS: Class = Class { name: c"mozsvc.cuckoo_filter" };
/// Where a call has too few or too many arguments.
pub const WRONG_COUNT: &CStr = c"incorrect number of arguments";
/// Version of the bytes in state files; others are not read.
const FORMAT: c_int = 1;

/// Entries of a bucket.
pub const BUCKET_SIZE: usize = 4;
/// Fingerprints moved for one key before the filter counts as full.
pub const MAX_MOVES: u32 = 512;
/// Seed of all hashes.
pub const SEED: u64 = 1;

/// The numbers, as large as production's.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct Head {
    items: u64,
    /// Keys added; a restored state may set any number.
    count: u64,
    neighbours: Neighbours,
    reserve: [u32; 5],
}

const _: () = assert!(size_of::<Head>() == 40);

type Filter<'l> = Object<'l, Head>;
type Bucket = [u16; BUCKET_SIZE];

/// How a bucket is found from another and a fingerprint.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(transparent)]
pub struct Neighbours {
    /// How far a hash is shifted to be as long as the number of a bucket.
    shift: u32,
}

impl Neighbours {
    /// For that many buckets, a power of two.
    pub fn new(buckets: u32) -> Neighbours {
        Neighbours { shift: buckets.leading_zeros() + 1 + 32 }
    }

    /// The other bucket of a fingerprint. Where there is only one, C shifts by 64, which is by 0: it lies anywhere.
    #[inline]
    pub fn other(self, bucket: usize, fingerprint: &[u8]) -> usize {
        (bucket as u32 ^ xxh64(fingerprint, SEED).wrapping_shr(self.shift) as u32) as usize
    }
}

/// Buckets for that many items: a power of two, and production divides before it rounds.
pub fn bucket_count(items: c_int) -> u32 {
    (items as u32 / BUCKET_SIZE as u32).next_power_of_two()
}

host_call! {
    /// Leaves the module's table on the stack, which is the global of its name too.
    fn open(lua) {
        let protocol = UserdataFns { serialize: Some(serialize), ..UserdataFns::default() };
        CLASS.define(lua, protocol, &[
            (c"add", add),
            (c"query", query),
            (c"delete", delete),
            (c"count", count),
            (c"clear", clear),
            (c"fromstring", fromstring),
        ]);
        lua.register(Some(c"cuckoo_filter"), &[(c"new", new), (c"version", version)]);
        1
    }
}

host_call! {
    /// Both cuckoo filters come with this version.
    pub fn version(lua) {
        lua.push_bytes(b"1.1.1");
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
        if lua.top() != 1 {
            lua.arg_error(0, WRONG_COUNT);
        }
        let items = lua.check_int(1);
        if items <= 4 {
            lua.arg_error(1, c"items must be > 4");
        }
        let buckets = bucket_count(items);
        let head = Head {
            items: u64::from(buckets) * BUCKET_SIZE as u64,
            count: 0,
            neighbours: Neighbours::new(buckets),
            reserve: [0; 5],
        };
        Filter::push_new(lua, &CLASS, head, buckets as usize * size_of::<Bucket>());
        1
    }
}

/// A key's two buckets and its fingerprint.
struct Places<'l> {
    lua: Lua<'l>,
    filter: Filter<'l>,
    first: usize,
    fingerprint: u16,
}

impl<'l> Places<'l> {
    /// Those of the key at argument 2.
    #[inline]
    fn check(lua: Lua<'l>, filter: Filter<'l>) -> Places<'l> {
        let hash = xxh64(Key::check(lua).bytes(), SEED);
        let first = hash as usize & (filter.cells::<Bucket>().len() - 1);
        Places { lua, filter, first, fingerprint: ((hash >> 48) as u16).max(1) }
    }

    /// The other bucket that the fingerprint may be in.
    #[inline]
    fn other(&self, bucket: usize) -> usize {
        let other = self.filter.head().get().neighbours.other(bucket, &self.fingerprint.to_le_bytes());
        if other >= self.filter.cells::<Bucket>().len() {
            self.doom_outside();
        }
        other
    }

    #[cold]
    fn doom_outside(&self) -> ! {
        let why = "a cuckoo_filter for less than 8 items reads far outside its memory";
        self.lua.context().meter.set_doom(Doom::Assertion(why));
        self.lua.doom()
    }

    /// Whether `old` is in the bucket; its first place then holds `new`.
    #[inline]
    fn exchange(&self, bucket: usize, old: u16, new: u16) -> bool {
        let cell = &self.filter.cells::<Bucket>()[bucket];
        let mut entries = cell.get();
        let Some(entry) = entries.iter_mut().find(|it| **it == old) else { return false };
        *entry = new;
        cell.set(entries);
        true
    }

    #[inline]
    fn holds(&self, bucket: usize) -> bool {
        self.filter.cells::<Bucket>()[bucket].get().contains(&self.fingerprint)
    }

    #[inline]
    fn insert(&self, bucket: usize) -> bool {
        self.exchange(bucket, 0, self.fingerprint)
    }

    #[inline]
    fn delete(&self, bucket: usize) -> bool {
        self.exchange(bucket, self.fingerprint, 0)
    }

    /// Puts the fingerprint into one of its buckets; false where it is there already.
    #[inline]
    fn add(self) -> bool {
        if self.holds(self.first) {
            return false;
        }
        let second = self.other(self.first);
        if self.holds(second) {
            return false;
        }
        self.insert(self.first) || self.insert(second) || self.insert_moving(second)
    }

    /// Makes room in one of two full buckets by moving fingerprints to their other bucket. One that is there already is
    /// dropped, and the key does not count as added. A full filter has changed and lost one.
    #[inline(never)]
    fn insert_moving(mut self, second: usize) -> bool {
        let random = &mut self.lua.context().meter.random;
        let mut bucket = if random.next() % 2 == 1 { self.first } else { second };
        for _ in 0..MAX_MOVES {
            let entry = random.next() as usize % BUCKET_SIZE;
            let cell = &self.filter.cells::<Bucket>()[bucket];
            let mut entries = cell.get();
            std::mem::swap(&mut entries[entry], &mut self.fingerprint);
            cell.set(entries);
            bucket = self.other(bucket);
            if self.holds(bucket) {
                return false;
            }
            if self.insert(bucket) {
                return true;
            }
        }
        self.lua.raise(format_args!("the cuckoo filter is full"))
    }
}

fn set_count(filter: Filter<'_>, count: u64) {
    filter.head().set(Head { count, ..filter.head().get() });
}

host_call! {
    fn add(lua) {
        let filter = check_self(lua, 2);
        let places = Places::check(lua, filter);
        if places.add() {
            set_count(filter, filter.head().get().count.wrapping_add(1));
            lua.push_boolean(true);
        } else {
            lua.push_boolean(false);
        }
        1
    }
}

host_call! {
    fn query(lua) {
        let places = Places::check(lua, check_self(lua, 2));
        lua.push_boolean(places.holds(places.first) || places.holds(places.other(places.first)));
        1
    }
}

host_call! {
    fn delete(lua) {
        let filter = check_self(lua, 2);
        let places = Places::check(lua, filter);
        let is_deleted = places.delete(places.first) || places.delete(places.other(places.first));
        if is_deleted {
            set_count(filter, filter.head().get().count.wrapping_sub(1));
        }
        lua.push_boolean(is_deleted);
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

host_call! {
    fn clear(lua) {
        let filter = check_self(lua, 1);
        let cells = filter.cells::<Bucket>();
        lua.spend(cells.len() as u64);
        for cell in cells {
            cell.set(Bucket::default());
        }
        set_count(filter, 0);
        0
    }
}

host_call! {
    /// `fromstring(count, bytes, format)`. The count is taken even where the bytes are refused, and bytes of another
    /// format are passed over in silence.
    fn fromstring(lua) {
        let filter = check_self(lua, 4);
        set_count(filter, c_uint64(lua.check_number(2)));
        lua.check_bytes(3);
        if lua.opt_int(4, 0) == FORMAT {
            let cells = filter.cells::<u8>();
            fill(cells, sketch::check_state(lua, 3, cells.len()));
        }
        0
    }
}

host_call! {
    fn serialize(lua) {
        let key = native::serialize_key(lua);
        let Some(filter) = Filter::of_protocol(lua, -3) else { return 1 };
        sketch::write(lua, |output| {
            let Head { items, count, .. } = filter.head().get();
            let constructor = format_args!("cuckoo_filter.new({})", items as u32);
            sketch::write_constructor(output, key, constructor)?;
            let bytes = filter.cells::<u8>().iter().map(Cell::get);
            sketch::write_fromstring(output, key, format_args!("{}, ", count as i32), bytes, b", 1")
        })
    }
}
