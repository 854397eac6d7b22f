//! The main job: filters over an archive, as production would run them.
//!
//! [`Options`] say what is meant, validated and complete; [`run`] does it and tells an observer everything that
//! happens; [`Replay`] is what is known at the end. Selection acts before the host: a record that is left out is as if
//! absent, so it moves no clock and no ticker.
//!
//! The first record is looked at before the filters are created, because the virtual wall clock starts at its
//! Timestamp, and a script may ask for the time while it loads.

mod run;
mod terms;
mod watch;

pub use run::{Options, Replay, ReplayError, Stop, run};
pub use terms::{TermCount, count_terms};
pub use watch::Watch;
