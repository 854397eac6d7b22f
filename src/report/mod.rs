//! What is told of a run once it is over: for people, for scripts, and as production's statistics.
//!
//! Pure functions from [`Replay`] to text; who asks decides where it goes. The JSON report is a contract with scripts
//! and has its version; byte strings in it are texts with one code point per byte, as in the conformance corpus.

mod json;
mod sent;
mod stats;
mod summary;

pub use json::{REPORT_VERSION, json};
pub use sent::sent_line;
pub use stats::plugins_tsv;
pub use summary::{Style, damage, summary, termination};
