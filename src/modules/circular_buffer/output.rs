//! What a circular buffer looks like in payloads and in state files.
//!
//! Every write is one of production's: which of them still fits `output_limit` decides what a payload ends with.

use std::io::Write as _;

use super::{
    annotations::{self, Target},
    block::Block,
};
use crate::{
    sandbox::{
        host::{host, of_context},
        native,
        output::{Full, OutputBuffer},
    },
    vm::{Lua, host_call, lua::until_nul},
};

host_call! {
    /// Appends the buffer to the payload, as the sandbox asks.
    pub fn output(lua) {
        let (Some(block), false) = (Block::of_protocol(lua, -2), lua.to_userdata(-1).is_null()) else {
            return 1;
        };
        std::ffi::c_int::from(write_payload(lua, block).is_err())
    }
}

host_call! {
    /// Appends the buffer to the state file, as the sandbox asks.
    pub fn serialize(lua) {
        let key = native::serialize_key(lua);
        match Block::of_protocol(lua, -3) {
            Some(block) if !key.is_empty() => std::ffi::c_int::from(write_state(lua, block, key).is_err()),
            _ => 1,
        }
    }
}

/// Runs a writer that never touches Lua.
fn with_output<'l>(
    lua: Lua<'l>,
    block: Block<'l>,
    write: fn(Block<'l>, &mut OutputBuffer) -> Result<(), Full>,
) -> Result<(), Full> {
    lua.work(|context| write(block, &mut of_context(context).state.output))
}

fn write_payload(lua: Lua<'_>, block: Block<'_>) -> Result<(), Full> {
    with_output(lua, block, write_head)?;
    let annotations = host(lua).state.output.len();
    let target = if block.writes_deltas() { Target::Deltas } else { Target::Whole };
    annotations::write(lua, block, target)?;
    let has_annotations = host(lua).state.output.len() != annotations;
    host(lua).state.output.text(b"]}\n")?;
    if !block.writes_deltas() {
        return with_output(lua, block, write_values);
    }
    let rows = host(lua).state.output.len();
    with_output(lua, block, |block, output| write_deltas(block, output, b'\t', b'\n'))?;
    if host(lua).state.output.len() == rows && !has_annotations {
        // Nothing to tell. Production throws away all that is in the buffer, whoever wrote it.
        host(lua).state.output.clear();
    }
    Ok(())
}

fn write_head(block: Block<'_>, output: &mut OutputBuffer) -> Result<(), Full> {
    output.formatted(|out| {
        let _ = write!(
            out,
            "{{\"time\":{},\"rows\":{},\"columns\":{},\"seconds_per_row\":{},\"column_info\":[",
            block.start_time(),
            block.rows(),
            block.column_count(),
            block.seconds_per_row(),
        );
    })?;
    for (n, column) in block.columns().iter().enumerate() {
        if n != 0 {
            output.byte(b',')?;
        }
        output.formatted(|out| {
            out.extend_from_slice(b"{\"name\":\"");
            out.extend_from_slice(until_nul(&column.name()));
            out.extend_from_slice(b"\",\"unit\":\"");
            out.extend_from_slice(until_nul(&column.unit()));
            out.extend_from_slice(b"\",\"aggregation\":\"");
            out.extend_from_slice(column.aggregation.get().name());
            out.extend_from_slice(b"\"}");
        })?;
    }
    output.text(b"],\"annotations\":[")
}

fn write_values(block: Block<'_>, output: &mut OutputBuffer) -> Result<(), Full> {
    for row in block.rows_in_order() {
        for (column, slot) in block.row(row).iter().enumerate() {
            if column != 0 {
                output.byte(b'\t')?;
            }
            output.number(slot.value.get())?;
        }
        output.byte(b'\n')?;
    }
    Ok(())
}

/// Writes the rows that have deltas, each after its time, and clears them.
fn write_deltas(block: Block<'_>, output: &mut OutputBuffer, separator: u8, end: u8) -> Result<(), Full> {
    let mut time = block.start_time();
    for row in block.rows_in_order() {
        let slots = block.row(row);
        if slots.iter().any(|it| !it.delta.get().is_nan()) {
            output.formatted(|out| {
                let _ = write!(out, "{time}");
            })?;
            for slot in slots {
                output.byte(separator)?;
                output.number(slot.delta.get())?;
                slot.delta.set(f64::NAN);
            }
            output.byte(end)?;
        }
        time = time.wrapping_add(i64::from(block.seconds_per_row()));
    }
    Ok(())
}

fn write_state(lua: Lua<'_>, block: Block<'_>, key: &[u8]) -> Result<(), Full> {
    lua.work(|context| write_source(block, key, &mut of_context(context).state.output))?;
    annotations::write(lua, block, Target::State(key))
}

fn write_source(block: Block<'_>, key: &[u8], output: &mut OutputBuffer) -> Result<(), Full> {
    output.formatted(|out| {
        out.extend_from_slice(b"if ");
        out.extend_from_slice(key);
        out.extend_from_slice(b" == nil then ");
        out.extend_from_slice(key);
        let (rows, columns, seconds) = (block.rows(), block.column_count(), block.seconds_per_row());
        let _ = writeln!(out, " = circular_buffer.new({rows}, {columns}, {seconds}) end");
    })?;
    for (n, column) in block.columns().iter().enumerate() {
        output.formatted(|out| {
            out.extend_from_slice(key);
            let _ = write!(out, ":set_header({}, \"", n + 1);
            out.extend_from_slice(until_nul(&column.name()));
            out.extend_from_slice(b"\", \"");
            out.extend_from_slice(until_nul(&column.unit()));
            out.extend_from_slice(b"\", \"");
            out.extend_from_slice(column.aggregation.get().name());
            out.extend_from_slice(b"\")\n");
        })?;
    }
    output.formatted(|out| {
        out.extend_from_slice(key);
        let _ = write!(out, ":fromstring(\"{} {}", block.current_time(), block.current_row() as i32);
    })?;
    for slot in block.slots() {
        output.byte(b' ')?;
        output.number(slot.value.get())?;
    }
    output.byte(b' ')?;
    write_deltas(block, output, b' ', b' ')?;
    if output.as_bytes().last() == Some(&b' ') {
        output.truncate(output.len() - 1);
    }
    output.text(b"\")\n")
}
