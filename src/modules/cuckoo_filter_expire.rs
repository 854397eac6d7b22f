//! `cuckoo_filter_expire`: a cuckoo filter that forgets (`lua_sandbox_extensions` `cuckoo_filter`, version 1.1.1).
//!
//! As [`cuckoo_filter`](super::cuckoo_filter), with fingerprints of 32 bits and beside each the interval of its last
//! addition: one of 256, numbered by time, round and round. A newer time moves the newest interval on and clears those it
//! passes; where the filter is nearly full, the oldest interval goes before its time.
//!
//! Production's rules about intervals are kept to the letter: a step by a multiple of 256 intervals moves nothing, and
//! a state file holds neither the newest interval nor its time, so that a restored filter starts at the first window.

use std::{cell::Cell, ffi::c_int};

use bytemuck::{Pod, Zeroable};
use xxhash_rust::xxh64::xxh64;

use super::{
    cuckoo_filter::{BUCKET_SIZE, MAX_MOVES, Neighbours, SEED, WRONG_COUNT, bucket_count, version},
    object::{Class, Object, fill},
    sketch::{self, Key},
};
use crate::{
    sandbox::{
        Kind, NativeModule,
        native::{self, UserdataFns},
    },
    vm::{
        Lua,
        cformat::{c_int64, c_uint64},
        host_call,
    },
};

/// The module.
pub const MODULE: NativeModule = NativeModule {
    name: "cuckoo_filter_expire",
    open,
    io_only: false,
    version: "1.1.1",
    kind: Kind::BuiltIn,
};

const CLASS: Class = Class { name: c"mozsvc.cuckoo_filter_expire" };
/// Intervals a filter tells apart.
const INTERVALS: i32 = 256;
/// No interval has been found to be the oldest yet.
const UNKNOWN: i32 = -1;

/// The numbers, as large as production's.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct Head {
    items: u64,
    /// Keys added; a restored state may set any number.
    count: u64,
    /// Start of the newest interval in seconds.
    time: i64,
    /// Its number.
    newest: i32,
    /// Length of an interval in seconds.
    seconds: i32,
    /// The interval that goes first where room is needed.
    oldest: i32,
    neighbours: Neighbours,
    reserve: [u64; 2],
}

const _: () = assert!(size_of::<Head>() == 56);

/// Fingerprints and the intervals of their last additions; empty entries have fingerprint 0.
#[derive(Clone, Copy, Default, Pod, Zeroable)]
#[repr(C)]
struct Bucket {
    fingerprints: [u32; BUCKET_SIZE],
    intervals: [u8; BUCKET_SIZE],
}

type Filter<'l> = Object<'l, Head>;

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
            (c"current_interval", current_interval),
            (c"fromstring", fromstring),
        ]);
        lua.register(Some(c"cuckoo_filter_expire"), &[(c"new", new), (c"version", version)]);
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
        if items <= INTERVALS {
            lua.arg_error(1, c"items must be > 256");
        }
        let minutes = lua.opt_int(2, 1);
        if !(1..=1440).contains(&minutes) {
            lua.arg_error(2, c"0 < interval size <= 1440");
        }
        let buckets = bucket_count(items);
        let head = Head {
            items: u64::from(buckets) * BUCKET_SIZE as u64,
            count: 0,
            time: 0,
            newest: 0,
            seconds: 60 * minutes,
            oldest: 0,
            neighbours: Neighbours::new(buckets),
            reserve: [0; 2],
        };
        Filter::push_new(lua, &CLASS, head.restarted(), buckets as usize * size_of::<Bucket>());
        1
    }
}

impl Head {
    /// With nothing in it, at the first window.
    fn restarted(self) -> Head {
        let newest = INTERVALS - 1;
        Head { count: 0, time: i64::from(newest) * i64::from(self.seconds), newest, oldest: UNKNOWN, ..self }
    }

    /// How many intervals after the window's first one `interval` is.
    fn age_order(&self, interval: i32) -> i32 {
        (interval - self.newest - 1).rem_euclid(INTERVALS)
    }

    /// The interval that many after the window's first one.
    fn at_order(&self, order: i32) -> i32 {
        (order + self.newest + 1).rem_euclid(INTERVALS)
    }
}

/// Removes what was last added in the intervals from `first` to `last`, around the end if need be. The answer is the
/// oldest interval there was, the removed ones included.
fn prune(lua: Lua<'_>, filter: Filter<'_>, first: i32, last: i32) -> i32 {
    let buckets = filter.cells::<Bucket>();
    lua.spend((buckets.len() * BUCKET_SIZE) as u64);
    let mut head = filter.head().get();
    let mut oldest = INTERVALS - 1;
    for cell in buckets {
        let mut bucket = cell.get();
        for (fingerprint, interval) in bucket.fingerprints.iter_mut().zip(&mut bucket.intervals) {
            if *fingerprint == 0 {
                continue;
            }
            let number = i32::from(*interval);
            oldest = oldest.min(head.age_order(number));
            let is_inside = if first <= last {
                (first..=last).contains(&number)
            } else {
                number >= first || number <= last
            };
            if is_inside {
                *fingerprint = 0;
                *interval = 0;
                head.count = head.count.wrapping_sub(1);
            }
        }
        cell.set(bucket);
    }
    filter.head().set(head);
    head.at_order(oldest)
}

/// A key's two buckets, its fingerprint and when it is added.
struct Places<'l> {
    lua: Lua<'l>,
    filter: Filter<'l>,
    first: usize,
    fingerprint: u32,
    interval: u8,
}

impl<'l> Places<'l> {
    #[inline]
    fn of(lua: Lua<'l>, filter: Filter<'l>, key: Key<'_>, interval: u8) -> Places<'l> {
        let hash = xxh64(key.bytes(), SEED);
        let first = hash as usize & (filter.cells::<Bucket>().len() - 1);
        Places { lua, filter, first, fingerprint: ((hash >> 32) as u32).max(1), interval }
    }

    /// The other bucket that the fingerprint may be in. A filter has at least 64.
    #[inline]
    fn other(&self, bucket: usize) -> usize {
        self.filter.head().get().neighbours.other(bucket, &self.fingerprint.to_le_bytes())
    }

    /// The bucket with the place of a fingerprint in it.
    #[inline]
    fn find(&self, bucket: usize, fingerprint: u32) -> Option<(&'l Cell<Bucket>, usize)> {
        let cell = &self.filter.cells::<Bucket>()[bucket];
        let entry = cell.get().fingerprints.iter().position(|&it| it == fingerprint)?;
        Some((cell, entry))
    }

    /// The interval the fingerprint was last added in.
    fn found_interval(&self, bucket: usize) -> Option<u8> {
        self.find(bucket, self.fingerprint).map(|(cell, entry)| cell.get().intervals[entry])
    }

    /// How many intervals lie between now and the last time, if the fingerprint is there; it is then of the later one.
    #[inline]
    fn renew(&self, bucket: usize) -> Option<i32> {
        let (cell, entry) = self.find(bucket, self.fingerprint)?;
        let head = self.filter.head().get();
        let mut entries = cell.get();
        let (now, then) =
            (head.age_order(self.interval.into()), head.age_order(entries.intervals[entry].into()));
        if now > then {
            entries.intervals[entry] = self.interval;
            cell.set(entries);
        }
        Some((now - then).abs())
    }

    #[inline]
    fn insert(&self, bucket: usize) -> bool {
        let Some((cell, entry)) = self.find(bucket, 0) else { return false };
        let mut entries = cell.get();
        entries.fingerprints[entry] = self.fingerprint;
        entries.intervals[entry] = self.interval;
        cell.set(entries);
        true
    }

    fn delete(&self, bucket: usize) -> bool {
        let Some((cell, entry)) = self.find(bucket, self.fingerprint) else { return false };
        let mut entries = cell.get();
        entries.fingerprints[entry] = 0;
        entries.intervals[entry] = 0;
        cell.set(entries);
        true
    }

    /// Puts the fingerprint into one of its buckets. Where it is there already, how many intervals ago it was added.
    #[inline]
    fn add(self) -> Option<i32> {
        let second = self.other(self.first);
        if let Some(delta) = self.renew(self.first).or_else(|| self.renew(second)) {
            return Some(delta);
        }
        if self.insert(self.first) || self.insert(second) { None } else { self.insert_moving(second) }
    }

    /// Makes room in one of two full buckets by moving entries to their other bucket. One that is there already is
    /// renewed, and the key counts as known. A full filter has changed and lost one.
    #[inline(never)]
    fn insert_moving(mut self, second: usize) -> Option<i32> {
        let random = &mut self.lua.context().meter.random;
        let mut bucket = if random.next() % 2 == 1 { self.first } else { second };
        for _ in 0..MAX_MOVES {
            let entry = random.next() as usize % BUCKET_SIZE;
            let cell = &self.filter.cells::<Bucket>()[bucket];
            let mut entries = cell.get();
            std::mem::swap(&mut entries.fingerprints[entry], &mut self.fingerprint);
            std::mem::swap(&mut entries.intervals[entry], &mut self.interval);
            cell.set(entries);
            bucket = self.other(bucket);
            if let Some(delta) = self.renew(bucket) {
                return Some(delta);
            }
            if self.insert(bucket) {
                return None;
            }
        }
        self.lua.raise(format_args!("the cuckoo filter is full"))
    }
}

host_call! {
    /// `add(key, ns)`: whether the key is new, and if not, how many intervals ago it was added. A time older than the
    /// window has one answer only, false.
    fn add(lua) {
        let filter = check_self(lua, 3);
        let key = Key::check(lua);
        let seconds = c_int64(lua.check_number(3) / 1e9);
        let head = filter.head().get();
        let span = i64::from(head.seconds);
        let time = seconds - seconds % span;
        if time < head.time - span * i64::from(INTERVALS - 1) {
            lua.push_boolean(false);
            return 1;
        }
        let interval = (time / span % i64::from(INTERVALS)) as i32;
        if interval != head.newest && time > head.time {
            advance(lua, filter, time, interval);
        }
        let head = filter.head().get();
        if head.count as f64 / head.items as f64 >= 0.8 {
            make_room(lua, filter);
        }
        match Places::of(lua, filter, key, interval as u8).add() {
            None => {
                let head = filter.head().get();
                filter.head().set(Head { count: head.count.wrapping_add(1), ..head });
                lua.push_boolean(true);
                lua.push_number(0.0);
            }
            Some(delta) => {
                lua.push_boolean(false);
                lua.push_number(delta.into());
            }
        }
        2
    }
}

/// Makes `interval` the newest one and removes what is older than the window then.
#[inline(never)]
fn advance(lua: Lua<'_>, filter: Filter<'_>, time: i64, interval: i32) {
    let mut head = filter.head().get();
    if head.count > 0 {
        let oldest = prune(lua, filter, head.at_order(0), interval);
        head = Head { oldest, ..filter.head().get() };
    }
    filter.head().set(Head { newest: interval, time, ..head });
}

/// Removes the oldest interval, as far as it is known.
#[inline(never)]
fn make_room(lua: Lua<'_>, filter: Filter<'_>) {
    let head = filter.head().get();
    let oldest = if head.oldest == UNKNOWN { head.at_order(0) } else { head.oldest };
    let oldest = prune(lua, filter, oldest, oldest);
    filter.head().set(Head { oldest, ..filter.head().get() });
}

host_call! {
    fn query(lua) {
        let filter = check_self(lua, 2);
        let places = Places::of(lua, filter, Key::check(lua), 0);
        let first = places.found_interval(places.first);
        match first.or_else(|| places.found_interval(places.other(places.first))) {
            Some(interval) => {
                lua.push_boolean(true);
                lua.push_number(interval.into());
                2
            }
            None => {
                lua.push_boolean(false);
                1
            }
        }
    }
}

host_call! {
    fn delete(lua) {
        let filter = check_self(lua, 2);
        let places = Places::of(lua, filter, Key::check(lua), 0);
        let is_deleted = places.delete(places.first) || places.delete(places.other(places.first));
        if is_deleted {
            let head = filter.head().get();
            filter.head().set(Head { count: head.count.wrapping_sub(1), ..head });
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
        let buckets = filter.cells::<Bucket>();
        lua.spend(buckets.len() as u64);
        for cell in buckets {
            cell.set(Bucket::default());
        }
        filter.head().set(filter.head().get().restarted());
        0
    }
}

host_call! {
    fn current_interval(lua) {
        let filter = check_self(lua, 1);
        let head = filter.head().get();
        lua.push_number(head.time as f64 * 1e9);
        lua.push_number(head.newest.into());
        2
    }
}

host_call! {
    /// `fromstring(count, bytes)`, or with an ignored argument between, which older state files have. The count is taken
    /// even where the bytes are refused.
    fn fromstring(lua) {
        if lua.top() == 4 {
            lua.remove(3);
        }
        let filter = check_self(lua, 3);
        let count = c_uint64(lua.check_number(2));
        filter.head().set(Head { count, ..filter.head().get() });
        let cells = filter.cells::<u8>();
        fill(cells, sketch::check_state(lua, 3, cells.len()));
        0
    }
}

host_call! {
    fn serialize(lua) {
        let key = native::serialize_key(lua);
        let Some(filter) = Filter::of_protocol(lua, -3) else { return 1 };
        sketch::write(lua, |output| {
            let Head { items, seconds, count, .. } = filter.head().get();
            let constructor = format_args!("cuckoo_filter_expire.new({}, {})", items as u32, seconds / 60);
            sketch::write_constructor(output, key, constructor)?;
            let bytes = filter.cells::<u8>().iter().map(Cell::get);
            sketch::write_fromstring(output, key, format_args!("{}, ", count as u32), bytes, b"")
        })
    }
}
