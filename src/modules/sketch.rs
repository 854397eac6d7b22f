//! What the sketches (`hyperloglog`, the filters) and `xxhash` have in common: which keys they hash, and what their state
//! files look like.
//!
//! Their arguments are checked in different orders, so each module does that by itself.

use std::{ffi::c_int, io::Write as _};

use crate::{
    sandbox::{
        host::of_context,
        output::{Full, OutputBuffer},
    },
    vm::{Lua, Type},
};

/// Keys longer than this are paid for; hashing shorter ones costs no more than the call.
pub const LONG_KEY: usize = 256;

/// Pays for work on that many bytes, at sixteen a step.
#[inline]
pub fn spend_bytes(lua: Lua<'_>, count: usize) {
    lua.spend(count as u64 / 16);
}

/// A key to be hashed. Numbers are their eight bytes, so that 1 and "1" are two keys, and so are 0 and -0.
#[derive(Clone, Copy)]
pub enum Key<'l> {
    /// A string's bytes.
    Text(&'l [u8]),
    /// A number, as it stands in memory.
    Number([u8; 8]),
}

impl<'l> Key<'l> {
    /// The key at argument `n`, if it is one.
    #[inline]
    pub fn at(lua: Lua<'l>, n: c_int) -> Option<Key<'l>> {
        match lua.type_at(n) {
            Type::String => {
                let text = lua.check_bytes(n);
                if text.len() > LONG_KEY {
                    spend_bytes(lua, text.len());
                }
                Some(Key::Text(text))
            }
            Type::Number => Some(Key::Number(lua.check_number(n).to_le_bytes())),
            _ => None,
        }
    }

    /// The key at argument 2.
    #[inline]
    pub fn check(lua: Lua<'l>) -> Key<'l> {
        match Key::at(lua, 2) {
            Some(key) => key,
            None => lua.arg_error(2, c"must be a string or number"),
        }
    }

    /// What is hashed.
    #[inline]
    pub fn bytes(&self) -> &[u8] {
        match self {
            Key::Text(text) => text,
            Key::Number(bytes) => bytes,
        }
    }
}

/// The bytes at argument `n` of a `fromstring`, if there are `expected` of them. C prints both as `int`.
pub fn check_state(lua: Lua<'_>, n: c_int, expected: usize) -> &[u8] {
    let bytes = lua.check_bytes(n);
    spend_bytes(lua, bytes.len());
    if bytes.len() != expected {
        let (found, expected) = (bytes.len() as i32, expected as i32);
        lua.raise(format_args!("fromstring() bytes found: {found}, expected {expected}"));
    }
    bytes
}

/// Runs a writer of a state file or payload; the result of the protocol's functions.
pub fn write(lua: Lua<'_>, writer: impl FnOnce(&mut OutputBuffer) -> Result<(), Full>) -> c_int {
    c_int::from(lua.work(|context| writer(&mut of_context(context).state.output)).is_err())
}

/// Appends the line that makes the object `key` where the script has not.
pub fn write_constructor(
    output: &mut OutputBuffer,
    key: &[u8],
    constructor: std::fmt::Arguments<'_>,
) -> Result<(), Full> {
    output.formatted(|out| {
        out.extend_from_slice(b"if ");
        out.extend_from_slice(key);
        out.extend_from_slice(b" == nil then ");
        out.extend_from_slice(key);
        let _ = writeln!(out, " = {constructor} end");
    })
}

/// Appends the line that fills the object `key`: `first` stands before the bytes, `last` behind them.
pub fn write_fromstring(
    output: &mut OutputBuffer,
    key: &[u8],
    first: std::fmt::Arguments<'_>,
    bytes: impl IntoIterator<Item = u8>,
    last: &[u8],
) -> Result<(), Full> {
    output.formatted(|out| {
        out.extend_from_slice(key);
        let _ = write!(out, ":fromstring({first}\"");
    })?;
    output.serialized_bytes(bytes)?;
    output.text(b"\"")?;
    output.text(last)?;
    output.text(b")\n")
}
