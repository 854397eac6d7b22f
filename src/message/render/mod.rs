//! Messages as text, for people and for other programs.
//!
//! [`text`] is byte for byte what `lsb_heka_cat -t` prints, quirks included, so that its output can be compared and
//! fed to what already reads it. It passes payload bytes on as they are; [`text_safe`] is the same layout for a
//! terminal, where they must not be able to move the cursor or hide anything. [`json`] loses nothing:
//! [`crate::message::json::parse`] makes the same bytes of it again.
//!
//! All of them append to a buffer the caller owns and reuses.

mod double;
mod json;
mod text;

pub use double::write_double;
pub(super) use json::VALUE_TYPES;
pub use json::{json, write_string};
pub use text::{escape, text, text_safe};
