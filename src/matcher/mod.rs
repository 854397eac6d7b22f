//! The `message_matcher` language: which messages a plugin sees.
//!
//! An expression is compiled once ([`Matcher::compile`]) and evaluated for every message ([`Matcher::matches`]):
//! `parse` reads the text into tests and operators, `program` turns them into a flat list of tests that each know
//! where to go when true and when false, `pattern` is the Lua pattern matching behind `=~`, and `error` shows the
//! writer of an expression the place that is wrong.
//!
//! The language is production's (`lua_sandbox` `src/util/heka_message_matcher_parser.leg`), defects included, because
//! a debugging tool that reads `A && (B) || C` "correctly" would show other messages than the pipeline does:
//! operators behind a parenthesis do not release those before it, an index that is left out keeps the value of an
//! earlier test, time offsets are always added, indices such as 206 are no indices. Each is named where it is
//! reproduced.
//!
//! What production leaves to the stack and the clock is bounded here: parsing does not recurse, and a pattern that
//! backtracks too much is finished by an exact algorithm whose time is linear in the value (see `pattern`).

mod error;
mod parse;
mod pattern;
mod program;
mod selection;
mod unescape;

pub use error::{Expected, MatcherError, MatcherErrorKind};
pub use program::{Matcher, Term};
pub use selection::Selection;
pub use unescape::unescape;
