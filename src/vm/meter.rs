//! What a callback may spend, and the one owner of Lua's hook.
//!
//! Production arms a count hook with the full `instruction_limit` before each call (`lua_sandbox` `luasandbox.c`,
//! `lsb_pcall_setup`); the error it raises can be caught by `pcall`, after which Lua counts from the start again. A
//! finite loop around such a `pcall` ends normally in production, an endless one hangs. Ours behaves the same for the
//! first [`MAX_FIRINGS`] firings in one call; then the callback is *doomed*: the hook fires at every instruction, so
//! that no `pcall` survives, and the sandbox reports that production would hang.
//!
//! Work that Lua's hook cannot see, such as pattern matching, is counted in steps against a budget of its own; running
//! out, or out of depth, dooms the callback as well. All of it is deterministic: wall time never decides.
#![allow(unsafe_code)]

use std::{any::Any, ffi::c_int};

use mlua::ffi;

use super::{layout, lua::Lua, rand::GlibcRand};

/// Swallowed firings of the instruction limit in one call after which production counts as hanging.
pub const MAX_FIRINGS: u32 = 1000;
/// Default budget of uncounted work in one call, in steps.
pub const DEFAULT_C_STEPS: u64 = 2_000_000_000;

/// Why a callback cannot go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doom {
    /// The instruction limit was swallowed too often.
    SwallowedLimit,
    /// The budget of steps for work that Lua's hook cannot see is used up.
    Steps,
    /// A pattern recursed deeper than production's C stack allows.
    Depth,
    /// A defect of ours: a host function panicked.
    Panic,
    /// Something production asserts on; the text says what.
    Assertion(&'static str),
    /// Something production answers with whatever stands in memory it does not own; the text says what.
    Undefined(&'static str),
}

/// The counters and budgets of one VM; part of every snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Meter {
    /// `instruction_limit` of the sandbox, 0 for none.
    pub instruction_limit: usize,
    /// Budget of steps per call.
    pub c_steps: u64,
    /// Steps left in this call.
    pub steps_left: u64,
    /// Firings of the limit in this call.
    pub firings: u32,
    /// Set once the callback cannot go on.
    pub doom: Option<Doom>,
    /// State of `math.random`.
    pub random: GlibcRand,
    /// The virtual wall clock, in nanoseconds since the epoch.
    pub now_ns: i64,
    /// Where the virtual wall clock started, for `os.clock`.
    pub start_ns: i64,
    doom_text: [u8; 160],
    doom_len: usize,
}

impl Meter {
    /// A meter with the given limits; the clock stands at the epoch.
    pub fn new(instruction_limit: usize, c_steps: u64, seed: u32) -> Meter {
        Meter {
            instruction_limit,
            c_steps,
            steps_left: c_steps,
            firings: 0,
            doom: None,
            random: GlibcRand::new(seed),
            now_ns: 0,
            start_ns: 0,
            doom_text: [0; 160],
            doom_len: 0,
        }
    }

    /// Marks the callback as lost. The first reason stays.
    #[cold]
    pub fn set_doom(&mut self, doom: Doom) {
        if self.doom.is_some() {
            return;
        }
        self.doom = Some(doom);
        match doom {
            Doom::SwallowedLimit => {
                self.set_text(
                    "production would hang here: instruction_limit exceeded and caught by pcall ",
                    "",
                );
                let times = format!("{MAX_FIRINGS} times in one call");
                self.add_text(&times);
            }
            Doom::Steps => {
                self.set_text("production would hang here: native code took more than ", "");
                let steps = format!("{} steps in one call (--c-steps)", self.c_steps);
                self.add_text(&steps);
            }
            Doom::Depth => {
                self.set_text("production would crash here: pattern too complex, C stack overflow", "");
            }
            Doom::Panic => self.set_text("internal error", ""),
            Doom::Assertion(text) => self.set_text("production would crash here: ", text),
            Doom::Undefined(text) => self.set_text("what production does here is undefined: ", text),
        }
    }

    /// Notes a panic of a host function as the reason.
    #[cold]
    pub(super) fn note_panic(&mut self, panic: &(dyn Any + Send)) {
        let text = panic
            .downcast_ref::<&str>()
            .copied()
            .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
            .unwrap_or("unknown panic");
        self.doom = Some(Doom::Panic);
        self.set_text("internal error in cepshim, please report it: ", text);
    }

    /// The text of the doom, empty when there is none.
    pub fn doom_text(&self) -> &[u8] {
        &self.doom_text[..self.doom_len]
    }

    fn set_text(&mut self, first: &str, second: &str) {
        self.doom_len = 0;
        self.add_text(first);
        self.add_text(second);
    }

    fn add_text(&mut self, text: &str) {
        let len = text.len().min(self.doom_text.len() - self.doom_len);
        self.doom_text[self.doom_len..self.doom_len + len].copy_from_slice(&text.as_bytes()[..len]);
        self.doom_len += len;
    }

    /// Counters as at the start of a call.
    #[inline]
    pub(super) fn start_call(&mut self) {
        self.steps_left = self.c_steps;
        self.firings = 0;
    }
}

/// Arms the count hook with the full limit, or removes it when there is none.
#[inline]
pub(super) fn arm(state: *mut ffi::lua_State, instruction_limit: usize) {
    // SAFETY: the state is live. The limit is cut to C's int as production does.
    unsafe {
        if instruction_limit == 0 {
            ffi::lua_sethook(state, None, 0, 0);
        } else {
            ffi::lua_sethook(state, Some(limit_hook), ffi::LUA_MASKCOUNT, instruction_limit as c_int);
        }
    }
}

/// Removes the hook.
pub(super) fn disarm(state: *mut ffi::lua_State) {
    // SAFETY: the state is live.
    unsafe {
        ffi::lua_sethook(state, None, 0, 0);
    }
}

/// Makes every further instruction raise.
pub(super) fn arm_doom(lua: Lua<'_>) {
    // SAFETY: the state is live.
    unsafe {
        ffi::lua_sethook(lua.raw(), Some(limit_hook), ffi::LUA_MASKCOUNT, 1);
    }
}

unsafe extern "C-unwind" fn limit_hook(state: *mut ffi::lua_State, _: *mut ffi::lua_Debug) {
    // SAFETY: Lua calls the hook with its live state.
    let lua = unsafe { Lua::from_raw(state) };
    // A handler of `xpcall` runs inside this hook. Production lets it run without a limit, for ever if it likes.
    layout::allow_hooks(state);
    let meter = &mut lua.context().meter;
    meter.firings = meter.firings.saturating_add(1);
    if meter.doom.is_none() && meter.firings > MAX_FIRINGS {
        meter.set_doom(Doom::SwallowedLimit);
    }
    if meter.doom.is_some() {
        lua.doom();
    }
    // As production: the position in front is that of the level above the running function, which is none when the
    // limit fires in the callback itself.
    lua.raise(format_args!("instruction_limit exceeded"));
}
