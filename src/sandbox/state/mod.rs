//! Preserved state: what `preserve_data` keeps between runs, in production's format.
//!
//! A state file is Lua source that assigns the global data of a sandbox, written when the sandbox is destroyed and run
//! after the script body of the next one (`lua_sandbox` `src/luasandbox_serialize.c`). Files of production load here
//! and ours load there: the order of lines, the number format and even the defects are the same.

mod preserve;
mod restore;

pub use preserve::{Preserved, preserve};
pub use restore::restore;
