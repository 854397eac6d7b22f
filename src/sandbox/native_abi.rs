//! The functions production's own C modules expect of the program that loads them, with production's binary interface
//! (`luasandbox/util/output_buffer.h`, `luasandbox_output.h`, `luasandbox_serialize.h`, `luasandbox/heka/sandbox.h`).
//!
//! A module that came from a shared library (see [`crate::vm::dynamic`]) is given an output buffer as production's
//! structure, whose fields modules read and write. It cannot be our [`OutputBuffer`](super::output::OutputBuffer), which
//! owns its bytes in Rust's way: [`call_with_buffer`] copies what has been written so far into a [`NativeBuffer`] and
//! what stands there after the call back. A function that raises leaves our buffer as it was before the call.
//!
//! What such a module allocates with `malloc` is its own affair; the buffer's bytes are `malloc`'s too, because the
//! interface lets modules free and grow them.
#![allow(unsafe_code)]
#![allow(
    clippy::missing_safety_doc,
    reason = "one contract, production's: pointers are null or what the type says"
)]
// One promise covers the blocks of exported functions: callers are C modules that keep production's interface.
#![allow(clippy::undocumented_unsafe_blocks)]

use std::{
    ffi::{CStr, c_char, c_int, c_void},
    ptr, slice,
};

use super::{
    host::{Host, host, of_context},
    native,
};
use crate::{
    message::{Message, Value},
    vm::{HostFn, Lua, REGISTRY, RawState, cformat, dynamic},
};

/// Where modules look for the sandbox they are in.
const THIS: &CStr = c"lsb_heka_this_ptr";
/// The size a buffer starts with.
const FIRST_SIZE: usize = 1024;

/// The error values, which are told apart by their address.
#[unsafe(no_mangle)]
pub static LSB_ERR_UTIL_NULL: [u8; 16] = *b"pointer is NULL\0";
/// No memory.
#[unsafe(no_mangle)]
pub static LSB_ERR_UTIL_OOM: [u8; 25] = *b"memory allocation failed\0";
/// The limit is reached.
#[unsafe(no_mangle)]
pub static LSB_ERR_UTIL_FULL: [u8; 12] = *b"buffer full\0";
/// Of no function here, but part of the interface.
#[unsafe(no_mangle)]
pub static LSB_ERR_UTIL_PRANGE: [u8; 23] = *b"parameter out of range\0";

/// Null, or one of the error values.
type ErrorValue = *const c_char;

const fn error<const N: usize>(text: &'static [u8; N]) -> ErrorValue {
    text.as_ptr().cast()
}

/// `lsb_output_buffer`.
#[repr(C)]
#[derive(Debug)]
pub struct NativeBuffer {
    bytes: *mut c_char,
    max_size: usize,
    size: usize,
    pos: usize,
}

/// `lsb_const_string`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct ConstString {
    bytes: *const c_char,
    len: usize,
}

/// `lsb_heka_message`, whose array of fields stays empty: [`lsb_read_heka_field`] finds them.
#[repr(C)]
#[derive(Debug)]
pub struct NativeMessage {
    raw: ConstString,
    uuid: ConstString,
    type_: ConstString,
    logger: ConstString,
    payload: ConstString,
    env_version: ConstString,
    hostname: ConstString,
    fields: *mut c_void,
    timestamp: i64,
    severity: c_int,
    pid: c_int,
    fields_len: c_int,
    fields_size: c_int,
    /// Behind what modules know: whose message it is.
    host: *mut Host,
}

/// `lsb_read_value`: an untagged union, then its tag.
#[repr(C)]
pub struct NativeValue {
    value: NativeValueBits,
    tag: c_int,
}

#[repr(C)]
union NativeValueBits {
    string: ConstString,
    number: f64,
}

const READ_NIL: c_int = 0;
const READ_NUMERIC: c_int = 1;
const READ_STRING: c_int = 2;
const READ_BOOL: c_int = 3;

/// What a sandbox keeps for its native modules.
#[derive(Debug)]
pub struct Guests {
    /// Whether there is any.
    pub are_there: bool,
    buffer: NativeBuffer,
    message: Option<Box<NativeMessage>>,
}

// SAFETY: the pointers lead to memory that belongs to this value, or, in the message, to what is only read during a
// call of the sandbox, which is used by one thread at a time.
unsafe impl Send for Guests {}

impl Guests {
    /// None yet.
    pub fn none() -> Guests {
        let buffer = NativeBuffer { bytes: ptr::null_mut(), max_size: 0, size: 0, pos: 0 };
        Guests { are_there: false, buffer, message: None }
    }
}

impl Drop for Guests {
    fn drop(&mut self) {
        // SAFETY: null or from `malloc`, and nothing runs any more that knows it.
        unsafe { lsb_free_output_buffer(&raw mut self.buffer) }
    }
}

/// Prepares the sandbox for native modules: from here on it cannot go back in time.
pub fn welcome(lua: Lua<'_>) {
    let host = host(lua);
    if host.guests.are_there {
        return;
    }
    host.guests.are_there = true;
    lua.work(|context| {
        of_context(context).resources.hold("a native module", ());
        std::hint::black_box(exported());
    });
    let this: *mut Host = host;
    lua.push_light(this.cast());
    lua.set_field(REGISTRY, THIS);
}

/// Calls an output or serialisation function with the output buffer as its last argument, and takes that off again.
pub fn call_with_buffer(lua: Lua<'_>, function: HostFn) -> c_int {
    let is_foreign = host(lua).guests.are_there && dynamic::is_foreign(function);
    if !is_foreign {
        lua.push_light((&raw mut host(lua).state.output).cast());
        let result = lua.call_in_frame(function);
        lua.pop(1);
        return result;
    }
    let buffer = lua.work(|context| {
        let host = of_context(context);
        let buffer: *mut NativeBuffer = &raw mut host.guests.buffer;
        let written = host.state.output.as_bytes();
        // SAFETY: the buffer is initialised; it grows to hold what is written, and production's always has memory.
        unsafe {
            (*buffer).pos = 0;
            (*buffer).max_size = 0;
            let is_ready = lsb_expand_output_buffer(buffer, written.len().max(FIRST_SIZE)).is_null();
            if is_ready {
                ptr::copy_nonoverlapping(written.as_ptr().cast(), (*buffer).bytes, written.len());
                (*buffer).pos = written.len();
                (*buffer).max_size = host.state.output.limit();
            }
            if is_ready { buffer } else { ptr::null_mut() }
        }
    });
    lua.push_light(buffer.cast());
    let result = lua.call_in_frame(function);
    lua.pop(1);
    if buffer.is_null() {
        return 1;
    }
    lua.work(|context| {
        let host = of_context(context);
        let NativeBuffer { bytes, size, pos, .. } = host.guests.buffer;
        // SAFETY: the module keeps `pos` bytes written of `size` allocated ones.
        let written = unsafe { slice::from_raw_parts(bytes.cast::<u8>(), pos.min(size)) };
        host.state.output.replace(written);
    });
    result
}

/// Addresses of everything exported. Nothing in the program calls these functions; being mentioned keeps them in it.
fn exported() -> [usize; 20] {
    [
        lsb_outputf as *const () as usize,
        lsb_init_output_buffer as *const () as usize,
        lsb_free_output_buffer as *const () as usize,
        lsb_expand_output_buffer as *const () as usize,
        lsb_outputc as *const () as usize,
        lsb_outputs as *const () as usize,
        lsb_outputd as *const () as usize,
        lsb_outputfd as *const () as usize,
        lsb_add_output_function as *const () as usize,
        lsb_get_output_function as *const () as usize,
        lsb_add_serialize_function as *const () as usize,
        lsb_add_zero_copy_function as *const () as usize,
        lsb_get_zero_copy_function as *const () as usize,
        lsb_serialize_binary as *const () as usize,
        lsb_serialize_double as *const () as usize,
        lsb_heka_get_message as *const () as usize,
        lsb_heka_get_type as *const () as usize,
        lsb_read_heka_field as *const () as usize,
        (&raw const LSB_ERR_UTIL_PRANGE) as usize,
        dynamic::lua_gethookcountremaining as *const () as usize,
    ]
}

// ── output_buffer.h ──

unsafe extern "C" {
    /// Appends formatted text (`outputf.c`).
    fn lsb_outputf(buffer: *mut NativeBuffer, format: *const c_char, ...) -> ErrorValue;
}

/// An empty buffer for at most `max_size` bytes, 0 for no limit.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lsb_init_output_buffer(buffer: *mut NativeBuffer, max_size: usize) -> ErrorValue {
    let Some(buffer) = (unsafe { buffer.as_mut() }) else { return error(&LSB_ERR_UTIL_NULL) };
    let size = if max_size == 0 { FIRST_SIZE } else { FIRST_SIZE.min(max_size) };
    *buffer = NativeBuffer { bytes: unsafe { libc::malloc(size) }.cast(), max_size, size, pos: 0 };
    if buffer.bytes.is_null() { error(&LSB_ERR_UTIL_OOM) } else { ptr::null() }
}

/// Gives the buffer's memory back.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lsb_free_output_buffer(buffer: *mut NativeBuffer) {
    if let Some(buffer) = unsafe { buffer.as_mut() } {
        unsafe { libc::free(buffer.bytes.cast()) };
        (buffer.bytes, buffer.size, buffer.pos) = (ptr::null_mut(), 0, 0);
    }
}

/// Makes room for `needed` more bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lsb_expand_output_buffer(buffer: *mut NativeBuffer, needed: usize) -> ErrorValue {
    let Some(buffer) = (unsafe { buffer.as_mut() }) else { return error(&LSB_ERR_UTIL_NULL) };
    let Some(wanted) = buffer.pos.checked_add(needed) else { return error(&LSB_ERR_UTIL_FULL) };
    if wanted <= buffer.size && !buffer.bytes.is_null() && (buffer.max_size == 0 || wanted <= buffer.max_size)
    {
        return ptr::null();
    }
    if buffer.max_size != 0 && wanted > buffer.max_size {
        return error(&LSB_ERR_UTIL_FULL);
    }
    let Some(mut size) = wanted.checked_next_power_of_two() else { return error(&LSB_ERR_UTIL_OOM) };
    if buffer.max_size != 0 {
        size = size.min(buffer.max_size);
    }
    let bytes = unsafe { libc::realloc(buffer.bytes.cast(), size) };
    if bytes.is_null() {
        return error(&LSB_ERR_UTIL_OOM);
    }
    (buffer.bytes, buffer.size) = (bytes.cast(), size);
    ptr::null()
}

/// Appends one byte.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lsb_outputc(buffer: *mut NativeBuffer, byte: c_char) -> ErrorValue {
    unsafe { lsb_outputs(buffer, &raw const byte, 1) }
}

/// Appends bytes, with a NUL behind them that is not counted.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lsb_outputs(
    buffer: *mut NativeBuffer,
    text: *const c_char,
    len: usize,
) -> ErrorValue {
    let Some(needed) = len.checked_add(1) else { return error(&LSB_ERR_UTIL_FULL) };
    let refused = unsafe { lsb_expand_output_buffer(buffer, needed) };
    if refused.is_null() {
        unsafe {
            let end = (*buffer).bytes.add((*buffer).pos);
            ptr::copy_nonoverlapping(text, end, len);
            *end.add(len) = 0;
            (*buffer).pos += len;
        }
    }
    refused
}

unsafe fn append(buffer: *mut NativeBuffer, text: &[u8]) -> ErrorValue {
    unsafe { lsb_outputs(buffer, text.as_ptr().cast(), text.len()) }
}

/// Appends a number as payloads show it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lsb_outputd(buffer: *mut NativeBuffer, number: f64) -> ErrorValue {
    let mut text = Vec::new();
    cformat::payload_number(number, &mut text);
    unsafe { append(buffer, &text) }
}

/// As [`lsb_outputd`], for numbers that are finite.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lsb_outputfd(buffer: *mut NativeBuffer, number: f64) -> ErrorValue {
    unsafe { lsb_outputd(buffer, number) }
}

// ── luasandbox_output.h, luasandbox_serialize.h ──

/// Adds an output function to the environment table on top of the stack.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn lsb_add_output_function(state: *mut RawState, function: HostFn) {
    let functions = native::UserdataFns { output: Some(function), ..native::UserdataFns::default() };
    native::add_functions(unsafe { Lua::from_raw(state) }, functions);
}

/// The output function of the userdata at `index`.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn lsb_get_output_function(
    state: *mut RawState,
    index: c_int,
) -> Option<HostFn> {
    native::output_function(unsafe { Lua::from_raw(state) }, index)
}

/// Adds a serialisation function to the environment table on top of the stack.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn lsb_add_serialize_function(state: *mut RawState, function: HostFn) {
    let functions = native::UserdataFns { serialize: Some(function), ..native::UserdataFns::default() };
    native::add_functions(unsafe { Lua::from_raw(state) }, functions);
}

/// Adds a zero-copy function to the environment table on top of the stack.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn lsb_add_zero_copy_function(state: *mut RawState, function: HostFn) {
    let functions = native::UserdataFns { zero_copy: Some(function), ..native::UserdataFns::default() };
    native::add_functions(unsafe { Lua::from_raw(state) }, functions);
}

/// The zero-copy function of the userdata at `index`.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn lsb_get_zero_copy_function(
    state: *mut RawState,
    index: c_int,
) -> Option<HostFn> {
    native::zero_copy_function(unsafe { Lua::from_raw(state) }, index)
}

/// Appends bytes as the inside of a quoted Lua string.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lsb_serialize_binary(
    buffer: *mut NativeBuffer,
    bytes: *const c_void,
    len: usize,
) -> ErrorValue {
    if len == 0 {
        return ptr::null();
    }
    for byte in unsafe { slice::from_raw_parts(bytes.cast::<u8>(), len) } {
        let text: &[u8] = match byte {
            b'\n' => b"\\n",
            b'\r' => b"\\r",
            b'"' => b"\\\"",
            b'\\' => b"\\\\",
            other => slice::from_ref(other),
        };
        let refused = unsafe { append(buffer, text) };
        if !refused.is_null() {
            return refused;
        }
    }
    ptr::null()
}

/// Appends a number as state files hold it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lsb_serialize_double(buffer: *mut NativeBuffer, number: f64) -> ErrorValue {
    let mut text = Vec::new();
    cformat::serialize_number(number, &mut text);
    unsafe { append(buffer, &text) }
}

// ── heka/sandbox.h, heka_message.h ──

/// The type of plugin: analysis.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lsb_heka_get_type(_: *mut Host) -> c_char {
    b'a' as c_char
}

/// The message of the running call, or null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lsb_heka_get_message(host: *mut Host) -> *const NativeMessage {
    let Some(message) = (unsafe { host.as_ref() }).and_then(Host::message) else { return ptr::null() };
    let native = Box::new(native_message(message, host));
    // SAFETY: `host` is the sandbox's, which is not borrowed while a module of its runs.
    let place = unsafe { &mut (*host).guests.message };
    &raw const **place.insert(native)
}

fn native_message(message: Message<'_>, host: *mut Host) -> NativeMessage {
    let string = |text: Option<&[u8]>| match text {
        Some(text) => ConstString { bytes: text.as_ptr().cast(), len: text.len() },
        None => ConstString { bytes: ptr::null(), len: 0 },
    };
    NativeMessage {
        raw: string(Some(message.raw())),
        uuid: string(Some(message.uuid())),
        type_: string(message.type_()),
        logger: string(message.logger()),
        payload: string(message.payload()),
        env_version: string(message.env_version()),
        hostname: string(message.hostname()),
        fields: ptr::null_mut(),
        timestamp: message.timestamp(),
        severity: message.severity(),
        pid: message.pid(),
        fields_len: 0,
        fields_size: 0,
        host,
    }
}

/// Reads an element of a field into `value`; whether it is there.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lsb_read_heka_field(
    message: *const NativeMessage,
    name: *const ConstString,
    field_index: c_int,
    array_index: c_int,
    value: *mut NativeValue,
) -> bool {
    let (Some(shown), Some(name), Some(value)) =
        (unsafe { message.as_ref() }, unsafe { name.as_ref() }, unsafe { value.as_mut() })
    else {
        return false;
    };
    value.tag = READ_NIL;
    let (Ok(field_index), Ok(array_index)) = (field_index.try_into(), array_index.try_into()) else {
        return false;
    };
    if name.bytes.is_null() {
        return false;
    }
    let name = unsafe { slice::from_raw_parts(name.bytes.cast::<u8>(), name.len) };
    let Some(message) = (unsafe { shown.host.as_ref() }).and_then(Host::message) else { return false };
    (value.value, value.tag) = match message.read(name, field_index, array_index) {
        Some(Value::String(text)) => {
            let string = ConstString { bytes: text.as_ptr().cast(), len: text.len() };
            (NativeValueBits { string }, READ_STRING)
        }
        Some(Value::Number(number)) => (NativeValueBits { number }, READ_NUMERIC),
        Some(Value::Bool(number)) => (NativeValueBits { number }, READ_BOOL),
        None => return false,
    };
    true
}
