//! What can be known about a filter before it runs: `cepshim check`.
//!
//! * `check`: one filter, its `.cfg` and script; the findings in order of place.
//! * `cfg`: keys, types and limits of the configuration. Its text is evaluated, as production does: it is Lua.
//! * `expression`: the matcher, and where its language does not mean what it seems to.
//! * `script`: what the Lua script asks of the sandbox, on top of `lua` (tokens) and `scope` (what names mean).
//! * `modules`: where `require` would find a module: the sandbox's search, set up for a filter that does not run.
//! * `inventory`: all that it can find, for `doctor`.
//! * `finding`, `render`: a finding, and findings as text or JSON. Nothing here prints.
//!
//! The script is compiled and read, never run: a filter is checked before anybody trusts it. So rules are careful.
//! An error is something that production will refuse or that fails when it is reached; a warning is probably not what
//! was meant; a note is worth knowing. Each rule has a section in docs/check.md and a case in tests/data/check.

mod cfg;
mod expression;
mod filter;
mod finding;
mod inventory;
mod lua;
mod modules;
mod render;
mod scope;
mod script;

pub use filter::{Options, check};
pub use finding::{Caret, Finding, RULES, Severity};
pub use inventory::{Module, Sort, inventory};
pub use render::{render_json, render_text};
