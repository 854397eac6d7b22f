//! cepshim: a local debugging shim and replay tool for the Lua filters of the Heka and Hindsight data pipeline.
//!
//! The map, in reading order, lowest layer first. What may import what is a table in `tests/layers.rs`; the
//! invariants are in ARCHITECTURE.md.

// ── ground: values and bytes; no Lua, no terminal ──
pub mod archive;
pub mod event;
pub mod matcher;
pub mod message;
pub mod project;
pub mod system;

// ── engine: runs plugins; prints nothing, reads no arguments ──
pub mod modules;
pub mod pipeline;
pub mod sandbox;
pub mod vm;

// ── tools: what a subcommand does, not how it is typed or shown ──
pub mod check;
pub mod replay;
pub mod report;
pub mod view;

// ── shell: the ways in ──
pub mod cli;
