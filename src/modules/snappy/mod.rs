//! `snappy`: lua-snappy 0.1.0 with the snappy 1.1.0 that is part of it.
//!
//! [`compress`] and [`decompress`] are the algorithm; see there why it is not the `snap` crate's. Whatever goes wrong,
//! production says `snappy: not enough memory.`

mod compress;
mod decompress;
#[cfg(test)]
mod tests;

use crate::{
    sandbox::{Kind, NativeModule},
    vm::{Lua, host_call},
};

/// The module.
pub const MODULE: NativeModule =
    NativeModule { name: "snappy", open, io_only: true, version: "0.1.0", kind: Kind::BuiltIn };

/// A scratch buffer larger than this is given back after use.
const SCRATCH_KEPT: usize = 1 << 20;
/// What compressing a byte costs, in steps.
const COMPRESS_STEPS: u64 = 4;

host_call! {
    /// Leaves the module's table on the stack, which is the global `snappy` too.
    fn open(lua) {
        lua.register(Some(c"snappy"), &[
            (c"compress", compress_text),
            (c"uncompress", uncompress_text),
            (c"decompress", uncompress_text),
            (c"validate_compressed_buffer", validate),
        ]);
        lua.push_bytes(b"Copyright (C) 2013 Fu Haiping(forhappy)");
        lua.set_field(-2, c"_COPYRIGHT");
        lua.push_bytes(b"lua-snappy: lua binding of google's snappy(a fast compressor/decompressor)");
        lua.set_field(-2, c"_DESCRIPTION");
        lua.push_bytes(b"0.1.0");
        lua.set_field(-2, c"_VERSION");
        1
    }
}

/// Pushes the scratch buffer as a string.
fn push_scratch(lua: Lua<'_>) {
    lua.push_scratch();
    if lua.context().scratch.capacity() > SCRATCH_KEPT {
        lua.work(|context| context.scratch = Vec::new());
    }
}

host_call! {
    fn compress_text(lua) {
        let text = lua.check_bytes(1);
        lua.spend(text.len() as u64 * COMPRESS_STEPS);
        lua.work(|context| {
            context.scratch.clear();
            compress::compress(text, &mut context.scratch);
        });
        push_scratch(lua);
        1
    }
}

host_call! {
    fn uncompress_text(lua) {
        let data = lua.check_bytes(1);
        lua.spend(data.len() as u64);
        let Some(len) = decompress::length(data) else {
            lua.raise(format_args!("snappy: not enough memory."));
        };
        if len > 0 && lua.would_exceed_memory(len) {
            lua.raise_memory();
        }
        lua.spend(len as u64);
        lua.work(|context| {
            context.scratch.clear();
            decompress::decompress(data, &mut context.scratch);
        });
        push_scratch(lua);
        1
    }
}

host_call! {
    fn validate(lua) {
        let data = lua.check_bytes(1);
        lua.spend(data.len() as u64);
        lua.push_boolean(decompress::is_valid(data));
        1
    }
}
