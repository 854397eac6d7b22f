//! Native Lua modules, named as in `require`, in alphabetical order.
//!
//! Where production loads a shared library, `require` finds a module here: written in Rust, its state in the VM's
//! arena, its behaviour, output and preservation formats production's. A module knows the VM and the sandbox's
//! protocol for userdata; messages and pipelines are none of its business.

mod bit;
mod bit32;
mod bloom_filter;
mod circular_buffer;
mod cjson;
mod cuckoo_filter;
mod cuckoo_filter_expire;
mod gzfile;
mod hyperloglog;
mod lfs;
mod lpeg;
mod object;
mod re;
mod rjson;
mod sketch;
mod snappy;
mod r#struct;
mod working_folder;
mod xxhash;
mod zlib;

use crate::sandbox::NativeModule;

/// Every module of this build.
#[rustfmt::skip]
pub const BUILTIN: &[NativeModule] = &[
    bit32::MODULE,
    bit::MODULE,
    bloom_filter::MODULE,
    circular_buffer::MODULE,
    cjson::MODULE,
    cuckoo_filter::MODULE,
    cuckoo_filter_expire::MODULE,
    gzfile::MODULE,
    hyperloglog::MODULE,
    lfs::MODULE,
    lpeg::MODULE,
    re::MODULE,
    rjson::MODULE,
    snappy::MODULE,
    r#struct::MODULE,
    xxhash::MODULE,
    zlib::MODULE,
];
