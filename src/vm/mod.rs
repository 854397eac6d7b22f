//! One PUC Lua 5.1 state, owned: the engine room.
//!
//! Production compiles PUC Lua 5.1.5; mlua vendors the same source, and this module drives it through the raw C API.
//! mlua's safe layer is not used: it hands scripts error objects where production hands them strings, starts from a
//! larger heap, and loses its hook inside coroutines; each of these a filter can observe.
//!
//! * [`lua`]: the handle host functions use, and the one macro that makes them sound.
//! * [`arena`] and [`heap`]: all memory of one VM in one reservation, allocator metadata included, with production's
//!   exact accounting. That makes a snapshot of everything a memcpy, which is what time travel is built on.
//! * [`state`]: [`Vm`], which creates, calls, limits, snapshots and restores.
//! * [`meter`]: what a call may spend, and the one owner of Lua's hook.
//! * [`lib`]: the standard libraries in production's order, some functions replaced; [`stock`] finds the vendored ones.
//! * [`pattern`], [`rand`], [`date`], [`cformat`]: the parts of C's libraries whose behaviour or determinism is ours,
//!   written without Lua so that they can be tested alone.
//! * [`dynamic`]: C modules, for those who ask for them.
//! * [`layout`]: structures of Lua mirrored and proved at start-up. [`digest`]: a fingerprint of reachable state.
//!
//! Invariant: nothing mutable that a filter can reach lives outside the arena and [`Meter`] (plus the sandbox's own
//! state behind [`Context::user`]). This module knows Lua, not Heka; all Lua FFI lives here.

pub mod arena;
pub mod cformat;
mod cint;
pub mod date;
mod digest;
pub mod dynamic;
pub mod heap;
mod layout;
pub mod lib;
pub mod lua;
mod meter;
pub mod pattern;
pub mod rand;
mod state;
mod stock;

pub(crate) use lua::host_call;
pub use lua::{
    Account, ENVIRONMENT, GLOBALS, HostFn, Lua, Place, REGISTRY, RawState, TableType, Type, upvalue,
};
pub use meter::{DEFAULT_C_STEPS, Doom, MAX_FIRINGS, Meter};
pub use state::{Context, Image, Raised, Vm, VmError, VmOptions};
