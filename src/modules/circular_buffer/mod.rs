//! `circular_buffer`: numbers over time, in rows of a fixed length (`lua_sandbox_extensions`, version 1.0.2).
//!
//! The module most filters keep their counts in. A buffer is a window of rows that moves with the newest time it is
//! given; its columns are summed up, and it is written whole (`cbuf`) or as what changed (`cbufd`).
//!
//! * [`block`]: the memory and its arithmetic. All of it is in one userdata block, so that an image of the arena holds
//!   it; only annotations are Lua tables, as in production.
//! * [`annotations`]: those tables.
//! * [`output`]: payloads and state files. [`scan`]: reading state back.
//! * Here: the functions scripts call, with production's argument checks in production's order. `add` moves the window
//!   before it looks at the column, and a call that fails has still moved it.
//!
//! `add` is called for every message: arguments are read without the C API where they are what they should be.

mod annotations;
mod block;
mod output;
mod scan;
#[cfg(test)]
mod tests;

use std::ffi::{CStr, c_int};

use self::{
    annotations::{Annotation, MODULE_TABLE, TYPES},
    block::{Aggregation, Block, METATABLE, NO_ANNOTATIONS, Slot},
    scan::Scanner,
};
use crate::{
    sandbox::{
        Kind, NativeModule,
        native::{UserdataFns, add_functions},
    },
    vm::{ENVIRONMENT, GLOBALS, HostFn, Lua, Type, host_call, lua::until_nul},
};

/// The module.
pub const MODULE: NativeModule =
    NativeModule { name: "circular_buffer", open, io_only: false, version: "1.0.2", kind: Kind::BuiltIn };

const DEFAULT_UNIT: &[u8] = b"count";
const MAX_COLUMNS: c_int = 256;
const WRONG_COUNT: &CStr = c"incorrect number of arguments";

host_call! {
    /// Leaves the module's table on the stack, which is the global of its name too.
    fn open(lua) {
        lua.new_table(0, 0);
        let functions = UserdataFns {
            output: Some(output::output),
            serialize: Some(output::serialize),
            ..UserdataFns::default()
        };
        add_functions(lua, functions);
        lua.replace(ENVIRONMENT);
        lua.new_metatable(METATABLE);
        lua.push_value(-1);
        lua.set_field(-2, c"__index");
        lua.register(None, &[
            (c"add", add),
            (c"get", get),
            (c"get_configuration", get_configuration),
            (c"current_time", current_time),
            (c"get_header", get_header),
            (c"get_range", get_range),
            (c"set", set),
            (c"set_header", set_header),
            (c"annotate", annotate),
            (c"format", format),
            (c"fromstring", fromstring),
            (c"__gc", release),
        ]);
        for (name, function) in [(c"get_delta", get_delta as HostFn), (c"get_range_delta", get_range_delta)] {
            // Production tells these from `get` and `get_range` by an upvalue, which takes memory.
            lua.push_number(1.0);
            lua.push_closure(function, 1);
            lua.set_field(-2, name);
        }
        lua.register(Some(MODULE_TABLE), &[(c"new", new), (c"version", version)]);
        1
    }
}

host_call! {
    fn version(lua) {
        lua.push_bytes(b"1.0.2");
        1
    }
}

host_call! {
    fn new(lua) {
        if lua.top() != 3 {
            lua.arg_error(0, WRONG_COUNT);
        }
        let rows = lua.check_int(1);
        if rows <= 1 {
            lua.arg_error(1, c"rows must be > 1");
        }
        let columns = lua.check_int(2);
        if !(1..=MAX_COLUMNS).contains(&columns) {
            lua.arg_error(2, c"columns must be > 0 and <= 256");
        }
        let seconds_per_row = lua.check_int(3);
        if seconds_per_row <= 0 {
            lua.arg_error(3, c"seconds_per_row is out of range");
        }
        let block = Block::push_new(lua, rows, columns, seconds_per_row);
        lua.metatable_named(METATABLE);
        lua.set_metatable(-2);
        for (n, column) in (1..).zip(block.columns()) {
            set_default_name(column, n);
            column.set_unit(DEFAULT_UNIT);
        }
        1
    }
}

/// `Column_n`, whose underscore is no letter but stands.
fn set_default_name(column: &block::Column, n: u32) {
    use std::io::Write as _;

    let mut name = [0; 16];
    let _ = write!(&mut name[..], "Column_{n}");
    column.set_name(until_nul(&name));
}

/// The buffer a method is called on, with at least `count` arguments.
#[inline]
fn check_buffer(lua: Lua<'_>, count: c_int) -> Block<'_> {
    let block = Block::check_self(lua);
    if lua.top() < count {
        lua.arg_error(0, WRONG_COUNT);
    }
    block
}

/// The column at argument `n`, from 0.
#[inline]
fn check_column(lua: Lua<'_>, block: Block<'_>, n: c_int) -> usize {
    let column = (lua.check_int(n) as u32).wrapping_sub(1);
    if column >= block.column_count() {
        lua.arg_error(n, c"column out of range");
    }
    column as usize
}

/// The arguments of `add` and `set`: the cell, if the time is not older than the window, its column and the value.
#[inline(always)]
#[allow(clippy::inline_always)] // The hot path of hot functions; as a call, it takes a quarter more instructions.
fn check_cell(lua: Lua<'_>) -> (Option<&Slot>, Aggregation, f64) {
    let block = check_buffer(lua, 4);
    let ns = lua.check_number(2);
    let row = block.reach_row(ns);
    let column = check_column(lua, block, 3);
    let value = lua.check_number(4);
    let aggregation = block.columns()[column].aggregation.get();
    (row.map(|row| block.slot(row, column)), aggregation, value)
}

/// A delta with `value` added to what it has been so far, if anything.
#[inline]
fn accumulate(slot: &Slot, value: f64) {
    let delta = slot.delta.get();
    slot.delta.set(if delta.is_nan() { value } else { delta + value });
}

#[cold]
fn raise_uninitialize(lua: Lua<'_>) -> ! {
    lua.raise(format_args!("cannot uninitialize a value"))
}

host_call! {
    fn add(lua) {
        let (slot, aggregation, value) = check_cell(lua);
        let Some(slot) = slot else {
            lua.push_nil();
            return 1;
        };
        let old = slot.value.get();
        let sum = if old.is_nan() {
            slot.value.set(value);
            value
        } else {
            if value.is_nan() {
                raise_uninitialize(lua);
            }
            let sum = old + value;
            slot.value.set(sum);
            if sum.is_nan() {
                lua.raise(format_args!("add produced a NAN"));
            }
            sum
        };
        lua.push_number(sum);
        if is_same(old, sum) {
            return 1;
        }
        match aggregation {
            Aggregation::Sum => accumulate(slot, value),
            Aggregation::Min | Aggregation::Max => slot.delta.set(sum),
            Aggregation::None => {}
        }
        1
    }
}

/// C's `==` of doubles.
#[inline]
#[allow(clippy::float_cmp)]
fn is_same(a: f64, b: f64) -> bool {
    a == b
}

host_call! {
    fn set(lua) {
        let (slot, aggregation, value) = check_cell(lua);
        let Some(slot) = slot else {
            lua.push_nil();
            return 1;
        };
        let old = slot.value.get();
        if value.is_nan() && !old.is_nan() {
            raise_uninitialize(lua);
        }
        match aggregation {
            Aggregation::Sum => {
                slot.value.set(value);
                let change = if old.is_finite() { value - old } else { value };
                if !(old.is_finite() && is_same(change, 0.0)) {
                    accumulate(slot, change);
                }
            }
            Aggregation::Min | Aggregation::Max => {
                let is_better = if aggregation == Aggregation::Min { value < old } else { value > old };
                if old.is_nan() || is_better {
                    slot.value.set(value);
                    slot.delta.set(value);
                }
            }
            Aggregation::None => slot.value.set(value),
        }
        lua.push_number(slot.value.get());
        1
    }
}

/// Which number of a cell.
type Part = fn(&Slot) -> f64;

const VALUE: Part = |slot| slot.value.get();
const DELTA: Part = |slot| slot.delta.get();

host_call! {
    fn get(lua) { push_cell(lua, VALUE) }
}

host_call! {
    fn get_delta(lua) { push_cell(lua, DELTA) }
}

#[inline]
fn push_cell(lua: Lua<'_>, part: Part) -> c_int {
    let block = check_buffer(lua, 3);
    let row = block.find_row(lua.check_number(2));
    let column = check_column(lua, block, 3);
    match row {
        Some(row) => lua.push_number(part(block.slot(row, column))),
        None => lua.push_nil(),
    }
    1
}

host_call! {
    fn get_range(lua) { push_range(lua, VALUE) }
}

host_call! {
    fn get_range_delta(lua) { push_range(lua, DELTA) }
}

fn push_range(lua: Lua<'_>, part: Part) -> c_int {
    let block = check_buffer(lua, 2);
    let column = check_column(lua, block, 2);
    let start = lua.opt_number(3, block.start_time() as f64 * 1e9);
    let end = lua.opt_number(4, block.current_time() as f64 * 1e9);
    if start.is_nan() || end.is_nan() || end < start {
        lua.arg_error(4, c"end must be >= start");
    }
    let (Some(first), Some(last)) = (block.find_row(start), block.find_row(end)) else {
        lua.push_nil();
        return 1;
    };
    // Filled one by one from nothing: scripts see the table's memory.
    lua.new_table(0, 0);
    let rows = block.rows() as usize;
    let len = (last + rows - first) % rows + 1;
    for n in 0..len {
        lua.push_number(part(block.slot((first + n) % rows, column)));
        lua.raw_set_i(-2, n as c_int + 1);
    }
    1
}

host_call! {
    fn get_configuration(lua) {
        let block = check_buffer(lua, 1);
        lua.push_number(f64::from(block.rows()));
        lua.push_number(f64::from(block.column_count()));
        lua.push_number(f64::from(block.seconds_per_row()));
        3
    }
}

host_call! {
    fn current_time(lua) {
        let block = check_buffer(lua, 0);
        lua.push_number(block.current_time() as f64 * 1e9);
        1
    }
}

host_call! {
    fn set_header(lua) {
        let block = check_buffer(lua, 3);
        let n = check_column(lua, block, 2);
        let name = until_nul(lua.check_bytes(3));
        let unit = if lua.is_none_or_nil(4) { DEFAULT_UNIT } else { until_nul(lua.check_bytes(4)) };
        let aggregation = lua.check_option(5, Some(Aggregation::NAMES[0]), &Aggregation::NAMES);
        let column = &block.columns()[n];
        column.aggregation.set(Aggregation::ALL[aggregation]);
        column.set_name(name);
        column.set_unit(unit);
        lua.push_number(n as f64 + 1.0);
        1
    }
}

host_call! {
    fn get_header(lua) {
        let block = check_buffer(lua, 2);
        let column = &block.columns()[check_column(lua, block, 2)];
        lua.push_bytes(until_nul(&column.name()));
        lua.push_bytes(until_nul(&column.unit()));
        lua.push_bytes(column.aggregation.get().name());
        3
    }
}

host_call! {
    fn annotate(lua) {
        let block = check_buffer(lua, 5);
        let ns = lua.check_number(2);
        let row = block.find_row(ns);
        let column = check_column(lua, block, 3);
        let kind = lua.check_option(4, None, &TYPES);
        let text = until_nul(lua.check_bytes(5));
        let is_delta = match lua.type_at(6) {
            Type::None | Type::Nil => true,
            Type::Boolean => lua.to_boolean(6),
            _ => lua.arg_error(6, c"delta must be boolean"),
        };
        if row.is_some() {
            let time = block.row_time(ns) as c_int;
            let column = column as c_int + 1;
            annotations::set(lua, block, Annotation { time, column, kind: TYPES[kind], text, is_delta });
        }
        0
    }
}

host_call! {
    fn format(lua) {
        let block = check_buffer(lua, 2);
        if lua.top() != 2 {
            lua.arg_error(0, WRONG_COUNT);
        }
        block.set_writes_deltas(lua.check_option(2, None, &[c"cbuf", c"cbufd"]) == 1);
        lua.set_top(1);
        1
    }
}

host_call! {
    /// Fills the buffer from a state file's text. What was read before an error stays.
    fn fromstring(lua) {
        let block = check_buffer(lua, 2);
        let mut scanner = Scanner::new(lua.check_c_str(2));
        let time = scanner.signed();
        block.set_newest(time, scanner.unsigned() as u32);
        let slots = block.slots();
        for (n, slot) in slots.iter().enumerate() {
            let Some(value) = scanner.number() else {
                let (found, expected) = (n as c_int, slots.len() as c_int);
                lua.raise(format_args!("fromstring() too few values: {found}, expected {expected}"));
            };
            slot.value.set(value);
        }
        // Then rows of deltas, each after its time. All that is a number is taken for one of them, so production's
        // check for too many values never fires.
        let mut row = None;
        let mut place = 0;
        while let Some(value) = scanner.number() {
            if place == 0 {
                row = block.find_row(value * 1e9);
            } else if let Some(row) = row {
                block.slot(row, place - 1).delta.set(value);
            }
            place = (place + 1) % (block.column_count() as usize + 1);
        }
        if place != 0 {
            lua.push_bytes(b"fromstring() invalid delta");
            lua.throw();
        }
        0
    }
}

host_call! {
    /// Lets the annotations go with the buffer.
    fn release(lua) {
        let block = check_buffer(lua, 0);
        if block.annotations() != NO_ANNOTATIONS {
            lua.get_field(GLOBALS, MODULE_TABLE);
            if lua.type_at(-1) == Type::Table {
                lua.unreference(-1, block.annotations());
            }
            lua.pop(1);
            block.set_annotations(NO_ANNOTATIONS);
        }
        0
    }
}
