//! A restricted VM with the Heka plugin API: what `lua_sandbox` is to production.
//!
//! * [`config`]: configuration text, evaluated and checked.
//! * [`plugin`]: the life of a plugin: created, called, terminated, destroyed.
//! * [`api`]: the functions scripts call, one file each, with [`output`], [`encode`] and [`zero_copy`] behind them.
//! * [`require`]: loading modules, and what is kept out.
//! * [`search`]: where modules are found, and what to do where they are not.
//! * [`state`]: preserved data, written and restored in production's format.
//! * [`native`]: the protocol native modules follow; which of them exist is for the layers above to say.
//! * `native_abi`: production's interface for C modules from shared libraries.
//! * [`resource`]: what native modules keep outside the arena.
//! * [`host`]: everything mutable outside the VM, in one cloneable structure.
//!
//! Everything a script can observe is production's: functions present and absent, argument checks, texts, orders. The
//! differences are deliberate and about determinism or safety: the clock, Uuids, random numbers and addresses are the
//! run's own, bytecode is never loaded, and where production's process would die or hang, this filter alone ends with
//! a text that says so.

pub mod api;
pub mod config;
mod encode;
pub mod host;
pub mod native;
mod native_abi;
pub mod output;
pub mod plugin;
mod require;
pub mod resource;
pub mod search;
pub mod state;
mod uuid;
mod zero_copy;

pub use config::{ConfigError, SandboxConfig};
pub use host::{Kind, NativeModule, Sink, Stats};
pub use plugin::{
    AnalysisOptions, AnalysisPlugin, CreateError, Limits, Snapshot, StateFile, TraceFrame, Usage,
};
pub use require::load_embedded;
pub use resource::Pinned;
pub use search::NativeModules;
pub use state::Preserved;
