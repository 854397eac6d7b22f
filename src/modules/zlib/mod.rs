//! `zlib`: lua-zlib 0.3, compression and checksums by zlib itself.
//!
//! Compressed bytes are output of a filter, so they must be those of the C library; it is linked, and [`stream`] is
//! where it is called and how its memory becomes part of the arena. Here are the functions scripts call. They build
//! results in pieces of Lua's buffer as production does, so that the memory limit bounds what a small input may become.
//!
//! What production has it has here as well: what is left of an input goes behind the next one, results are pieces, a
//! stream that has ended takes no more. Error texts name lines of production's source.

mod stream;

use std::ffi::{CStr, c_int};

use self::stream::{
    Checksum, Direction, Stream, Z_BUF_ERROR, Z_DATA_ERROR, Z_FINISH, Z_FULL_FLUSH, Z_MEM_ERROR, Z_NEED_DICT,
    Z_NO_FLUSH, Z_OK, Z_STREAM_END, Z_STREAM_ERROR, Z_SYNC_FLUSH,
};
use crate::{
    sandbox::{Kind, NativeModule},
    vm::{
        Lua, Type,
        cformat::{c_int64, c_uint64},
        host_call,
        lua::Buffer,
        upvalue,
    },
};

/// The module.
pub const MODULE: NativeModule =
    NativeModule { name: "zlib", open, io_only: true, version: "0.3.1", kind: Kind::BuiltIn };

const DEFLATE_META: &CStr = c"lz.deflate.meta";
const INFLATE_META: &CStr = c"lz.inflate.meta";

/// `MAX_WBITS`: a window of 32 KiB and zlib's own format.
const MAX_WINDOW_BITS: c_int = 15;
/// Added to it: gzip or zlib, whichever the input is.
const DETECT_FORMAT: c_int = 32;
const DEFAULT_LEVEL: c_int = -1;

/// Lines of production's `lua_zlib.c` that its error texts name.
mod line {
    pub const FILTER: u32 = 175;
    pub const END: u32 = 200;
    pub const DEFLATE_INIT: u32 = 234;
    pub const INFLATE_INIT: u32 = 280;
}

/// What work costs, in steps: about a nanosecond each.
const DEFLATE_BYTE_STEPS: u64 = 16;
const INFLATE_BYTE_STEPS: u64 = 2;

host_call! {
    /// Leaves the module's table on the stack, which is the global `zlib` too.
    fn open(lua) {
        for (name, collect) in [(DEFLATE_META, delete_deflate as crate::vm::HostFn), (INFLATE_META, delete_inflate)] {
            lua.new_metatable(name);
            lua.push_fn(collect);
            lua.set_field(-2, c"__gc");
            lua.pop(1);
        }
        lua.register(Some(c"zlib"), &[
            (c"deflate", new_deflate),
            (c"inflate", new_inflate),
            (c"adler32", new_adler32),
            (c"crc32", new_crc32),
            (c"version", version),
        ]);
        let set_number = |name: &[u8], number: f64| {
            lua.push_bytes(name);
            lua.push_number(number);
            lua.set_table(-3);
        };
        let set_text = |name: &[u8], text: &[u8]| {
            lua.push_bytes(name);
            lua.push_bytes(text);
            lua.set_table(-3);
        };
        set_number(b"BEST_SPEED", 1.0);
        set_number(b"BEST_COMPRESSION", 9.0);
        set_text(b"_COPYRIGHT", b"Copyright (c) 2009-2010 Brian Maher");
        set_text(b"_DESCRIPTION", b"Yet another binding to the zlib library");
        set_text(b"_VERSION", b"lua-zlib $Id: 84d17212c2c4a7a556b5128dd41c0ce485e7b61b $ $Format:%d$");
        set_number(b"_TEST_BUFSIZ", Buffer::ROOM as f64);
        1
    }
}

host_call! {
    /// The numbers in zlib's version.
    fn version(lua) {
        let text = stream::version();
        // Production takes the text apart in a userdata.
        lua.new_userdata(text.len() + 1);
        lua.pop(1);
        let mut count = 0;
        for digits in text.split(|it| !it.is_ascii_digit()).filter(|it| !it.is_empty()) {
            lua.push_number(digits.iter().fold(0.0, |number, it| number * 10.0 + f64::from(it - b'0')));
            count += 1;
        }
        count
    }
}

/// Raises production's words for a return code that is no success.
fn check(lua: Lua<'_>, result: c_int, words: Option<&CStr>, line: u32) {
    if matches!(result, Z_OK | Z_STREAM_END) {
        return;
    }
    // As C prints a null pointer.
    let words = words.map_or("(null)", |it| it.to_str().unwrap_or_default());
    let place = format_args!("at lua_zlib.c line {line}");
    match result {
        Z_NEED_DICT => lua.push_format(format_args!(
            "RequiresDictionary: input stream requires a dictionary to be deflated ({words}) {place}"
        )),
        Z_STREAM_ERROR => lua
            .push_format(format_args!("InternalError: inconsistent internal zlib stream ({words}) {place}")),
        Z_DATA_ERROR => lua.push_format(format_args!(
            "InvalidInput: input string does not conform to zlib format or checksum failed {place}"
        )),
        Z_MEM_ERROR => lua.push_format(format_args!("OutOfMemory: not enough memory ({words}) {place}")),
        Z_BUF_ERROR => lua.push_format(format_args!("InternalError: no progress possible ({words}) {place}")),
        other => lua.push_format(format_args!("ZLibError: unknown code {other} ({words}) {place}")),
    }
    lua.throw()
}

/// Makes the stream on top a function of it.
fn push_filter(lua: Lua<'_>, meta: &CStr, filter: crate::vm::HostFn) -> c_int {
    lua.metatable_named(meta);
    lua.set_metatable(-2);
    // What is left of an input stands in the second upvalue.
    lua.push_nil();
    lua.push_closure(filter, 2);
    1
}

host_call! {
    fn new_deflate(lua) {
        let level = lua.opt_int(1, DEFAULT_LEVEL);
        let window_bits = lua.opt_int(2, MAX_WINDOW_BITS);
        if let Err(refusal) = Stream::push_deflate(lua, level, window_bits) {
            check(lua, refusal.result, refusal.words, line::DEFLATE_INIT);
        }
        push_filter(lua, DEFLATE_META, deflate)
    }
}

host_call! {
    fn new_inflate(lua) {
        let window_bits =
            if lua.is_number(1) { lua.to_integer(1) as c_int } else { MAX_WINDOW_BITS + DETECT_FORMAT };
        if let Err(refusal) = Stream::push_inflate(lua, window_bits) {
            check(lua, refusal.result, refusal.words, line::INFLATE_INIT);
        }
        push_filter(lua, INFLATE_META, inflate)
    }
}

host_call! {
    fn deflate(lua) {
        let flush = match lua.check_option(2, Some(c"none"), &[c"none", c"sync", c"full", c"finish"]) {
            // No input or nil ends the stream, whatever is asked for.
            _ if lua.top() == 0 || lua.type_at(1) == Type::Nil => Z_FINISH,
            0 => Z_NO_FLUSH,
            1 => Z_SYNC_FLUSH,
            2 => Z_FULL_FLUSH,
            _ => Z_FINISH,
        };
        run(lua, Direction::Deflate, flush)
    }
}

host_call! {
    fn inflate(lua) {
        run(lua, Direction::Inflate, Z_NO_FLUSH)
    }
}

/// Puts the input through the stream and pushes what comes out, whether it has ended, and the bytes so far.
fn run(lua: Lua<'_>, direction: Direction, flush: c_int) -> c_int {
    let Some(stream) = Stream::at(lua, upvalue(1), direction) else {
        return refuse_closed(lua, direction);
    };
    let mut output = lua.buffer();
    let mut input = push_input(lua);
    if flush == Z_NO_FLUSH && input.is_none_or(<[u8]>::is_empty) {
        lua.push_bytes(b"");
        return push_state(lua, stream, false);
    }
    let result = loop {
        let mut result = Z_OK;
        let (mut consumed, mut produced) = (0, 0);
        output.add_written(|to| {
            let step = stream.step(input, to, flush);
            (result, consumed, produced) = (step.result, step.consumed, step.produced);
            // What an error has left in the buffer is never seen.
            produced
        });
        input = input.map(|it| &it[consumed..]);
        if result != Z_BUF_ERROR {
            check(lua, result, stream.words(), line::FILTER);
        }
        lua.spend(match direction {
            Direction::Deflate => consumed as u64 * DEFLATE_BYTE_STEPS,
            Direction::Inflate => (consumed + produced) as u64 * INFLATE_BYTE_STEPS,
        });
        if produced < Buffer::ROOM {
            break result;
        }
    };
    output.push();
    if let Some(rest) = input {
        lua.push_bytes(rest);
        lua.replace(upvalue(2));
    }
    if result != Z_STREAM_END {
        return push_state(lua, stream, false);
    }
    let (total_in, total_out) = stream.totals();
    lua.push_nil();
    lua.set_metatable(upvalue(1));
    let words = stream.words();
    let closed = stream.close(upvalue(1));
    lua.push_nil();
    lua.replace(upvalue(1));
    check(lua, closed, words, line::END);
    push_totals(lua, true, total_in, total_out)
}

/// A stream that has ended: asking it to end once more is nothing, giving it input is an error.
fn refuse_closed(lua: Lua<'_>, direction: Direction) -> c_int {
    if lua.is_string(1) {
        let name = match direction {
            Direction::Deflate => "deflate",
            Direction::Inflate => "inflate",
        };
        lua.push_format(format_args!(
            "IllegalState: calling {name} function when stream was previously closed"
        ));
        lua.throw();
    }
    lua.push_bytes(b"");
    lua.push_boolean(true);
    2
}

/// The first argument with what was left of the last one behind it; `None` if both are no string.
fn push_input(lua: Lua<'_>) -> Option<&[u8]> {
    if lua.top() > 1 {
        lua.push_value(1);
    }
    if lua.is_string(upvalue(2)) {
        lua.push_value(upvalue(2));
        if lua.top() > 1 && lua.is_string(-2) {
            lua.concat(2);
        }
    }
    if lua.top() > 0 { lua.to_bytes(-1) } else { None }
}

fn push_state(lua: Lua<'_>, stream: Stream<'_>, is_ended: bool) -> c_int {
    let (total_in, total_out) = stream.totals();
    push_totals(lua, is_ended, total_in, total_out)
}

fn push_totals(lua: Lua<'_>, is_ended: bool, total_in: u64, total_out: u64) -> c_int {
    lua.push_boolean(is_ended);
    lua.push_number(total_in as f64);
    lua.push_number(total_out as f64);
    4
}

fn delete(lua: Lua<'_>, direction: Direction) -> c_int {
    if let Some(stream) = Stream::at(lua, 1, direction) {
        stream.close(1);
    }
    0
}

host_call! {
    fn delete_deflate(lua) { delete(lua, Direction::Deflate) }
}

host_call! {
    fn delete_inflate(lua) { delete(lua, Direction::Inflate) }
}

/// A function whose upvalues are, as production's, two addresses of which ours tell nothing, the checksum so far and the
/// number of bytes. Which checksum it is is known by the function.
fn push_checksum(lua: Lua<'_>, kind: Checksum, function: crate::vm::HostFn) -> c_int {
    lua.push_light(std::ptr::null_mut());
    lua.push_light(std::ptr::null_mut());
    lua.push_number(kind.start() as f64);
    lua.push_number(0.0);
    lua.push_closure(function, 4);
    1
}

host_call! {
    fn new_adler32(lua) { push_checksum(lua, Checksum::Adler, adler32) }
}

host_call! {
    fn new_crc32(lua) { push_checksum(lua, Checksum::Crc, crc32) }
}

host_call! {
    fn adler32(lua) { checksum(lua, Checksum::Adler) }
}

host_call! {
    fn crc32(lua) { checksum(lua, Checksum::Crc) }
}

/// Adds a string, or what another checksum's function has seen; pushes the checksum and the number of bytes.
fn checksum(lua: Lua<'_>, kind: Checksum) -> c_int {
    if lua.top() == 0 {
        lua.push_value(upvalue(3));
        lua.push_value(upvalue(4));
        return 2;
    }
    let (value, added) = if lua.type_at(1) == Type::Function {
        lua.push_value(1);
        lua.call(0, 2);
        if !lua.is_number(-2) || !lua.is_number(-1) {
            lua.arg_error(1, c"expected function to return two numbers");
        }
        // Read after the call: the function may have been this one.
        let so_far = c_uint64(lua.to_number(upvalue(3)));
        let added = lua.to_number(-1);
        if kind == Checksum::Crc && c_int64(added) < 0 {
            // zlib counts it down and never gets to 0.
            lua.spend(u64::MAX);
        }
        (kind.combine(so_far, c_uint64(lua.to_number(-2)), c_int64(added)), added)
    } else {
        let text = lua.check_bytes(1);
        lua.spend(text.len() as u64);
        (kind.update(c_uint64(lua.to_number(upvalue(3))), text), text.len() as f64)
    };
    lua.push_number(value as f64);
    lua.push_value(-1);
    lua.replace(upvalue(3));
    lua.push_number(lua.to_number(upvalue(4)) + added);
    lua.push_value(-1);
    lua.replace(upvalue(4));
    2
}
