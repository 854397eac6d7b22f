//! The host of plugins: what Hindsight is to production.
//!
//! * [`hindsight_config`]: `hindsight.cfg` and the plugins' `.cfg` files.
//! * [`filter`]: one analysis plugin with its matcher, ticker and counters.
//! * [`rehearse`]: running each call twice from one snapshot, which proves that snapshots hold everything.
//! * [`harness`]: several filters over one read of the data, on the data's own clock.
//!
//! Everything that happens is told to one [`crate::event::Observer`]; nothing here prints, reads arguments or knows
//! whether it is a replay, a test or a debugger that is listening.

pub mod filter;
pub mod harness;
pub mod hindsight_config;
pub mod limits;
mod rehearse;

pub use filter::{CreateFailure, FilterContext, FilterReport, FilterSpec, Outcome, plugin_name};
pub use harness::Harness;
pub use hindsight_config::HostConfig;

pub use crate::sandbox::NativeModules;
