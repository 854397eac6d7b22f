//! Whole commands of the built program: standard output, standard error and exit status.
//!
//! Few tests, each of a whole run: what a layer below can prove is proved there. [`scratch`] gives a folder and runs the
//! program in it with relative paths, so that snapshots hold nothing of the machine; times, rates and memory use are
//! taken out of them. `readme` runs the examples of the manual.

mod cat;
mod commands;
mod damage;
mod modules;
mod native;
mod readme;
mod replay;
mod report;
mod scratch;
mod selection;
mod sent;
mod signals;
mod state;
