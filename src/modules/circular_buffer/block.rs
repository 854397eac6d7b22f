//! A circular buffer's memory: one userdata block without pointers, so that an image of the arena is all of it.
//!
//! Rows of cells, a value and a delta each, then the columns' headers. Its size is that of production's block, because
//! scripts run under a memory limit. Arithmetic on times is C's on x86-64, with its truncations: scripts pass any
//! number, and a preserved state may set any time and row.
#![allow(unsafe_code)]

use std::{
    cell::Cell,
    ffi::{CStr, c_int, c_void},
    marker::PhantomData,
    ptr::NonNull,
    slice,
};

use crate::vm::{Lua, cformat::c_int64};

/// The metatable's name, which error texts show.
pub const METATABLE: &CStr = c"mozsvc.circular_buffer";
/// No annotations yet (`LUA_NOREF`).
pub const NO_ANNOTATIONS: c_int = -2;

const NAME_SIZE: usize = 16;
const UNIT_SIZE: usize = 8;
const NS_PER_SECOND: f64 = 1e9;

/// What adding to a column means for its delta, and setting for its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Aggregation {
    Sum,
    Min,
    Max,
    None,
}

impl Aggregation {
    /// All of them, as `NAMES` has them.
    pub const ALL: [Aggregation; 4] =
        [Aggregation::Sum, Aggregation::Min, Aggregation::Max, Aggregation::None];
    /// As scripts write them.
    pub const NAMES: [&CStr; 4] = [c"sum", c"min", c"max", c"none"];

    /// As scripts write it.
    pub fn name(self) -> &'static [u8] {
        Self::NAMES[self as usize].to_bytes()
    }
}

/// A value and what was added since the deltas were last written; NaN where there is none.
#[repr(C)]
pub struct Slot {
    pub value: Cell<f64>,
    pub delta: Cell<f64>,
}

/// A column's header; the texts end in at least one NUL.
#[repr(C)]
pub struct Column {
    name: Cell<[u8; NAME_SIZE]>,
    unit: Cell<[u8; UNIT_SIZE]>,
    pub aggregation: Cell<Aggregation>,
}

impl Column {
    /// The name, cut to 15 bytes, other bytes than ASCII letters and digits replaced by `_`.
    pub fn set_name(&self, name: &[u8]) {
        self.name.set(label(name, |it| it.is_ascii_alphanumeric()));
    }

    /// The unit, cut to 7 bytes, in which `/` and `*` may stand too.
    pub fn set_unit(&self, unit: &[u8]) {
        self.unit.set(label(unit, |it| it.is_ascii_alphanumeric() || it == b'/' || it == b'*'));
    }

    /// The name and the NULs behind it.
    pub fn name(&self) -> [u8; NAME_SIZE] {
        self.name.get()
    }

    /// The unit and the NULs behind it.
    pub fn unit(&self) -> [u8; UNIT_SIZE] {
        self.unit.get()
    }
}

fn label<const SIZE: usize>(text: &[u8], keep: impl Fn(u8) -> bool) -> [u8; SIZE] {
    let mut res = [0; SIZE];
    for (to, &from) in res[..SIZE - 1].iter_mut().zip(text) {
        *to = if keep(from) { from } else { b'_' };
    }
    res
}

/// The start of the block.
#[repr(C)]
struct Header {
    /// Start of the newest row in seconds; a restored state may set any time.
    current_time: Cell<i64>,
    seconds_per_row: u32,
    /// The newest row; a restored state may set any number.
    current_row: Cell<u32>,
    rows: u32,
    columns: u32,
    writes_deltas: Cell<bool>,
    annotations: Cell<c_int>,
    /// What follows from `current_time`: the number of its row counted from the epoch,
    newest_absolute: Cell<i32>,
    /// the row where its cells are,
    newest_row: Cell<u32>,
    /// and for how many seconds from `current_time` on that is the row; 0 if the time is no start of a row.
    newest_span: Cell<u32>,
    reserve: u32,
}

/// Production's block is that large: memory accounting shows it.
const _: () = assert!(size_of::<Header>() == 48 && size_of::<Slot>() == 16 && size_of::<Column>() == 28);

/// A circular buffer's block, borrowed for a host call.
#[derive(Clone, Copy)]
pub struct Block<'l> {
    header: NonNull<Header>,
    life: PhantomData<&'l Header>,
}

impl<'l> Block<'l> {
    /// The block on the argument list's first place, or `bad argument #1 ...`.
    #[inline]
    pub fn check_self(lua: Lua<'l>) -> Block<'l> {
        let own = lua.own_userdata(1);
        let place = if own.is_null() { Self::check_metatable(lua) } else { own };
        // SAFETY: only `push_new` makes userdata in this module's environment or with this metatable.
        unsafe { Block { header: NonNull::new_unchecked(place.cast()), life: PhantomData } }
    }

    #[cold]
    fn check_metatable(lua: Lua<'l>) -> *mut c_void {
        lua.check_userdata(1, METATABLE)
    }

    /// The block at `index`, where the sandbox calls one of the module's userdata functions for it.
    pub fn of_protocol(lua: Lua<'l>, index: c_int) -> Option<Block<'l>> {
        // The sandbox found the function in the userdata's own environment, which only `push_new` gives.
        let header = NonNull::new(lua.to_userdata(index).cast())?;
        Some(Block { header, life: PhantomData })
    }

    /// Pushes a fresh buffer, without metatable.
    pub fn push_new(lua: Lua<'l>, rows: c_int, columns: c_int, seconds_per_row: c_int) -> Block<'l> {
        let cells = rows as usize * columns as usize;
        let size = size_of::<Header>() + cells * size_of::<Slot>() + columns as usize * size_of::<Column>();
        let place = lua.new_userdata(size);
        // SAFETY: the block has that size and is aligned for doubles; nothing has seen it yet. Columns need less.
        unsafe { Self::init(place, rows, columns, seconds_per_row) }
    }

    unsafe fn init(place: *mut c_void, rows: c_int, columns: c_int, seconds_per_row: c_int) -> Block<'l> {
        let cells = rows as usize * columns as usize;
        // SAFETY: the caller's promise.
        let block: Block<'l> = unsafe {
            let header = place.cast::<Header>();
            header.write(Header {
                current_time: Cell::new(0),
                seconds_per_row: seconds_per_row as u32,
                current_row: Cell::new(0),
                rows: rows as u32,
                columns: columns as u32,
                writes_deltas: Cell::new(false),
                annotations: Cell::new(NO_ANNOTATIONS),
                newest_absolute: Cell::new(0),
                newest_row: Cell::new(0),
                newest_span: Cell::new(0),
                reserve: 0,
            });
            let slots = header.add(1).cast::<Slot>();
            for n in 0..cells {
                slots.add(n).write(Slot { value: Cell::new(f64::NAN), delta: Cell::new(f64::NAN) });
            }
            let headers = slots.add(cells).cast::<Column>();
            for n in 0..columns as usize {
                let aggregation = Cell::new(Aggregation::Sum);
                headers.add(n).write(Column { name: Cell::default(), unit: Cell::default(), aggregation });
            }
            Block { header: NonNull::new_unchecked(header), life: PhantomData }
        };
        // C multiplies as `int`.
        block.set_newest(i64::from(seconds_per_row.wrapping_mul(rows - 1)), rows as u32 - 1);
        block
    }

    #[inline]
    fn header(self) -> &'l Header {
        // SAFETY: a live block that `init` has filled; all that changes is in cells.
        unsafe { self.header.as_ref() }
    }

    /// All cells, row by row.
    #[inline]
    pub fn slots(self) -> &'l [Slot] {
        let header = self.header();
        let len = header.rows as usize * header.columns as usize;
        // SAFETY: as for `header`; the slots stand behind it.
        unsafe { slice::from_raw_parts(self.header.as_ptr().add(1).cast(), len) }
    }

    /// The columns' headers.
    #[inline]
    pub fn columns(self) -> &'l [Column] {
        let slots = self.slots();
        // SAFETY: as for `header`; the columns stand behind the slots.
        unsafe {
            let start = self.header.as_ptr().add(1).cast::<Slot>().add(slots.len());
            slice::from_raw_parts(start.cast(), self.header().columns as usize)
        }
    }

    /// The cell of a column.
    #[inline]
    pub fn slot(self, row: usize, column: usize) -> &'l Slot {
        &self.slots()[row * self.header().columns as usize + column]
    }

    /// The cells of a row.
    pub fn row(self, row: usize) -> &'l [Slot] {
        let columns = self.header().columns as usize;
        &self.slots()[row * columns..][..columns]
    }

    /// Number of rows, at least 2.
    #[inline]
    pub fn rows(self) -> u32 {
        self.header().rows
    }

    /// Number of columns, at least 1.
    #[inline]
    pub fn column_count(self) -> u32 {
        self.header().columns
    }

    /// Length of a row in seconds, at least 1.
    pub fn seconds_per_row(self) -> u32 {
        self.header().seconds_per_row
    }

    /// Start of the newest row in seconds.
    pub fn current_time(self) -> i64 {
        self.header().current_time.get()
    }

    /// Number of the newest row, as preserved states hold it.
    pub fn current_row(self) -> u32 {
        self.header().current_row.get()
    }

    /// Start of the oldest row in seconds. C multiplies as `unsigned`.
    pub fn start_time(self) -> i64 {
        let header = self.header();
        let window = header.seconds_per_row.wrapping_mul(header.rows - 1);
        header.current_time.get().wrapping_sub(i64::from(window))
    }

    /// The rows from the oldest to the newest.
    pub fn rows_in_order(self) -> impl Iterator<Item = usize> + use<> {
        let rows = self.header().rows;
        let first = self.header().current_row.get().wrapping_add(1);
        let first = if first >= rows { 0 } else { first };
        (first..rows).chain(0..first).map(|it| it as usize)
    }

    /// Whether output is of the deltas only (`cbufd`).
    pub fn writes_deltas(self) -> bool {
        self.header().writes_deltas.get()
    }

    /// Chooses between `cbufd` and `cbuf`.
    pub fn set_writes_deltas(self, value: bool) {
        self.header().writes_deltas.set(value);
    }

    /// Where the annotations are in the module's table, or [`NO_ANNOTATIONS`].
    pub fn annotations(self) -> c_int {
        self.header().annotations.get()
    }

    /// Notes where the annotations are.
    pub fn set_annotations(self, reference: c_int) {
        self.header().annotations.set(reference);
    }

    // ── time ──

    /// Sets the newest row's time in seconds and its number, any of both.
    pub fn set_newest(self, time: i64, row: u32) {
        let header = self.header();
        let span = i64::from(header.seconds_per_row);
        header.current_time.set(time);
        header.current_row.set(row);
        let absolute = (time / span) as i32;
        header.newest_absolute.set(absolute);
        header.newest_row.set(absolute as u32 % header.rows);
        let is_start = time >= 0 && time % span == 0;
        header.newest_span.set(if is_start { header.seconds_per_row } else { 0 });
    }

    /// The row of a time in nanoseconds, if it is inside the window.
    #[inline]
    pub fn find_row(self, ns: f64) -> Option<usize> {
        self.locate(ns, false)
    }

    /// As [`Block::find_row`]; a time newer than the newest row moves the window, clearing what it leaves out.
    #[inline]
    pub fn reach_row(self, ns: f64) -> Option<usize> {
        self.locate(ns, true)
    }

    /// Start of the row of a time in nanoseconds, in seconds.
    pub fn row_time(self, ns: f64) -> i64 {
        let time = seconds(ns);
        time - time % i64::from(self.header().seconds_per_row)
    }

    #[inline]
    fn locate(self, ns: f64, advances: bool) -> Option<usize> {
        let header = self.header();
        let time = seconds(ns);
        // Nearly every message is for the newest row: no division.
        let since = time.wrapping_sub(header.current_time.get()) as u64;
        if since < u64::from(header.newest_span.get()) {
            return Some(header.newest_row.get() as usize);
        }
        self.locate_other(time, advances)
    }

    #[inline(never)]
    fn locate_other(self, time: i64, advances: bool) -> Option<usize> {
        let header = self.header();
        let span = i64::from(header.seconds_per_row);
        let absolute = (time / span) as i32;
        let current = header.newest_absolute.get();
        let ahead = absolute.wrapping_sub(current);
        // C mixes `int` and `unsigned` here: rows before the epoch count from 2^32 backwards.
        let row = absolute as u32 % header.rows;
        if ahead > 0 && advances {
            self.clear_next_rows(ahead as u32);
            self.set_newest(time - time % span, row);
        } else if absolute > current || ahead.wrapping_abs() >= header.rows as i32 {
            return None;
        }
        Some(row as usize)
    }

    /// Clears `count` rows behind the newest one, at most all.
    fn clear_next_rows(self, count: u32) {
        for row in self.rows_in_order().take(count as usize) {
            for slot in self.row(row) {
                slot.value.set(f64::NAN);
                slot.delta.set(f64::NAN);
            }
        }
    }
}

/// C's `(time_t)(ns / 1e9)`.
#[inline]
fn seconds(ns: f64) -> i64 {
    c_int64(ns / NS_PER_SECOND)
}
