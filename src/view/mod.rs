//! What `cat` does: show, count, select, follow and convert the messages of archives.
//!
//! [`cat`] goes through a reader and shows what a [`crate::matcher::Selection`] lets through; [`heka_cat`] is the same job in the exact
//! words of production's `lsb_heka_cat`, for scripts that call it by that name.
//!
//! The two differ on purpose in `-n`. The old tool searches backwards for what looks like a header and may start in the
//! wrong place; here the last messages are exactly those that reading everything gives, and they are counted after the
//! selection, so that `-n 10` with a matcher shows ten messages if there are ten.

mod cat;
pub mod heka_cat;

pub use cat::{Format, Options, Output, Summary, ViewError, cat};
