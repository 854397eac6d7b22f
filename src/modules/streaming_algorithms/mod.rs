//! `streaming_algorithms.*`: summaries of endless streams in fixed memory (0.0.12).
//!
//! One shared library in production, five modules: [`p2`] estimates quantiles and histograms, [`running_stats`] means and
//! deviations, [`cm_sketch`] counts, [`matrix`] keeps counters in two dimensions, [`time_series`] over time, with the
//! matrix profile of it in [`profile`]. Each opens by itself, and all are fields of the global `streaming_algorithms`.
//!
//! Every object is one userdata block of production's size, laid out so that its binary dump, which `tostring` and state
//! files hold, is a part of the block as it is. Arithmetic keeps production's order and precision: results are the same
//! to the last bit. Production is built without assertions, so a state that lies about an object is used as it is; where
//! that would divide by zero or leave the object's memory, the filter ends.

mod cm_sketch;
mod matrix;
mod p2;
mod profile;
mod running_stats;
mod time_series;

use std::{
    cell::Cell,
    ffi::{CStr, c_int},
};

use bytemuck::Pod;

use crate::{
    modules::object::{Class, Object},
    sandbox::{
        host::of_context,
        native,
        output::{Full, OutputBuffer},
    },
    vm::{Doom, GLOBALS, HostFn, Lua},
};

pub use self::{
    cm_sketch::MODULE as CM_SKETCH, matrix::MODULE as MATRIX, p2::MODULE as P2,
    running_stats::MODULE as RUNNING_STATS, time_series::MODULE as TIME_SERIES,
};

const WRONG_COUNT: &CStr = c"incorrect number of arguments";

/// Leaves the library `name` on the stack and marks the table that holds all of them as no data of the script's.
fn open_library(lua: Lua<'_>, name: &CStr, functions: &[(&CStr, HostFn)]) {
    lua.register(Some(name), functions);
    lua.get_field(GLOBALS, c"streaming_algorithms");
    if lua.get_metatable(-1) {
        lua.pop(1);
    } else {
        lua.new_table(0, 0);
        lua.set_metatable(-2);
    }
    lua.pop(1);
}

/// The object a method is called on, with exactly `count` arguments.
fn check<'l, H: Pod>(lua: Lua<'l>, class: &Class, count: c_int) -> Object<'l, H> {
    let object = Object::check(lua, 1, class);
    check_count(lua, count..=count);
    object
}

fn check_count(lua: Lua<'_>, counts: std::ops::RangeInclusive<c_int>) {
    if !counts.contains(&lua.top()) {
        lua.arg_error(0, WRONG_COUNT);
    }
}

/// Raises what every `fromstring` says to bytes that are no state of its object.
fn raise_invalid(lua: Lua<'_>) -> ! {
    lua.raise(format_args!("invalid serialization"))
}

/// Ends the filter where production's process would die of a division by zero.
#[cold]
fn doom_division(lua: Lua<'_>) -> ! {
    lua.context().meter.set_doom(Doom::Assertion("integer division by zero"));
    lua.doom()
}

/// Appends an object to the state file: a line that makes it where the script has not, and one that fills it.
///
/// `constructor` appends what follows the name of the modules' global.
fn serialize(lua: Lua<'_>, constructor: impl FnOnce(&mut Vec<u8>), dump: &[Cell<u8>]) -> c_int {
    let key = native::serialize_key(lua);
    if key.is_empty() {
        return 1;
    }
    let write = |output: &mut OutputBuffer| -> Result<(), Full> {
        output.formatted(|out| {
            out.extend_from_slice(b"if ");
            out.extend_from_slice(key);
            out.extend_from_slice(b" == nil then ");
            out.extend_from_slice(key);
            out.extend_from_slice(b" = streaming_algorithms.");
            constructor(out);
            out.extend_from_slice(b" end\n");
        })?;
        output.formatted(|out| {
            out.extend_from_slice(key);
            out.extend_from_slice(b":fromstring(\"");
        })?;
        output.serialized_bytes(dump.iter().map(Cell::get))?;
        output.text(b"\")\n")
    };
    c_int::from(lua.work(|context| write(&mut of_context(context).state.output)).is_err())
}
