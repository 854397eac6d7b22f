//! What a filter cannot do to the process: running out of memory at any allocation, and being hostile on purpose.
//!
//! * `out_of_memory`: for every function a script can call, each allocation of the call fails in turn. The filter ends
//!   with Lua's words or catches the error; the sandbox, put back to the moment before, does what it always did.
//! * `hostile`: filters that loop, grow, recurse or lie. Each ends with a text that says why, and the filter beside it
//!   sees every message.
//! * `stand_ins`: modules that would reach outside, what they record and where they fail.
//! * `native`: C modules from shared libraries, for those who load them.
//! * `byte_modules`: what modules for bytes and files do where production's process would die, and what recorded cases
//!   cannot hold.
//!
//! The first two also run under memory checkers: see `docs/fuzzing.md`.

mod byte_modules;
mod hostile;
mod native;
mod out_of_memory;
mod stand_ins;
mod support;
