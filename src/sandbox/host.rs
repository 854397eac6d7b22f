//! What a sandbox keeps outside its VM, and how host functions get at it.
//!
//! [`HostState`] is everything mutable: it is `Clone`, and together with the VM's image it is a snapshot. Around it
//! stands [`Host`]: things that do not change while a filter runs, and what is lent for one call (the message, the
//! sink). Host functions reach it through the VM's context.
#![allow(unsafe_code)]

use std::ptr::NonNull;

use super::{
    native_abi::Guests,
    output::OutputBuffer,
    resource::Resources,
    search::{NativeModules, Search},
    uuid::UuidSource,
};
use crate::{
    event::Sent,
    message::Message,
    vm::{Context, Lua, Place},
};

/// The most an error text can hold, its NUL excluded (`LSB_ERROR_SIZE`).
pub const MAX_ERROR: usize = 255;

/// What a sandbox tells its host while a call runs.
pub trait Sink {
    /// An encoded message, without framing, and the line of the script that injected it.
    fn injected(&mut self, message: &[u8], place: Place);
    /// What a stand-in was given to send, and the line of the script that did. Most hosts do not listen.
    fn sent(&mut self, _sent: Sent<'_>, _place: Place) {}
    /// A log line: syslog level 0-7, component, text.
    fn log(&mut self, level: u8, component: &[u8], text: &[u8]);
}

/// A sink for calls that may not speak.
impl Sink for () {
    fn injected(&mut self, _: &[u8], _: Place) {}
    fn log(&mut self, _: u8, _: &[u8], _: &[u8]) {}
}

/// Everything mutable that a filter can reach or cause outside its VM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostState {
    /// The shared output buffer.
    pub output: OutputBuffer,
    /// The sandbox's error text: that of the last failure, which production keeps and sometimes shows again.
    pub error: Vec<u8>,
    /// Most bytes the output buffer held.
    pub output_peak: usize,
    /// Most instructions a successful call used.
    pub instruction_peak: usize,
    /// Messages this call may still inject.
    pub inject_budget: u64,
    /// Statistics as production keeps them.
    pub stats: Stats,
    /// Where Uuids come from.
    pub uuids: UuidSource,
}

/// Counters of a sandbox (`lsb_heka_stats`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Messages injected.
    pub injected: u64,
    /// Their bytes, without framing.
    pub injected_bytes: u64,
    /// `process_message` calls that ended with a status of zero or less.
    pub processed: u64,
    /// Those that ended with -1.
    pub failures: u64,
}

/// A sandbox's surroundings.
pub struct Host {
    /// What changes.
    pub state: HostState,
    /// `Logger` of injected messages: the plugin's name.
    pub name: Option<Vec<u8>>,
    /// `Hostname` of injected messages.
    pub hostname: Vec<u8>,
    /// `Pid` of injected messages.
    pub pid: i32,
    /// Whether scripts may choose header values.
    pub restricted_headers: bool,
    /// Whether `print` is heard.
    pub prints: bool,
    /// The script's file name.
    pub lua_file: Vec<u8>,
    /// Templates of the Lua path, if configured.
    pub path: Option<Vec<u8>>,
    /// Templates of the path of native modules, if configured.
    pub cpath: Option<Vec<u8>>,
    /// Modules `require` refuses.
    pub disabled_modules: &'static [&'static str],
    /// Names removed from a library after it is loaded: library, name.
    pub removed_entries: &'static [(&'static str, &'static str)],
    /// The native modules this build has.
    pub modules: &'static [NativeModule],
    /// Which modules may be loaded from shared libraries.
    pub native_modules: NativeModules,
    /// What native modules keep outside the arena.
    pub resources: Resources,
    /// What is kept for modules from shared libraries.
    pub guests: Guests,
    /// The last `require` that failed: the module, and the text raised.
    pub failed_require: Option<(Vec<u8>, Vec<u8>)>,
    /// Text on its way into Lua: host functions put it together here, because their frames must not own it.
    pub scratch: Vec<u8>,
    /// The name that goes with it, and a NUL.
    pub scratch_name: Vec<u8>,
    /// Where the last error came from, innermost first.
    pub trace: Vec<Place>,
    message: Option<Message<'static>>,
    sink: Option<NonNull<dyn Sink>>,
}

/// A module written in Rust, answering where production has a shared library.
#[derive(Clone, Copy, Debug)]
pub struct NativeModule {
    /// The name `require` takes.
    pub name: &'static str,
    /// The function that leaves the module's table on the stack.
    pub open: crate::vm::HostFn,
    /// Whether production installs it among the modules for input and output plugins only.
    pub io_only: bool,
    /// The version of production's module that it behaves as.
    pub version: &'static str,
    /// Whether it does the work.
    pub kind: Kind,
}

/// What a module of ours does with what it is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// What production's does.
    BuiltIn,
    /// It loads, records what is sent, and fails where the outside world would have to answer.
    StandIn,
}

impl Host {
    /// A host that lends nothing yet.
    pub fn new(state: HostState, lua_file: Vec<u8>) -> Host {
        Host {
            state,
            name: None,
            hostname: Vec::new(),
            pid: 0,
            restricted_headers: true,
            prints: false,
            lua_file,
            path: None,
            cpath: None,
            disabled_modules: &[],
            removed_entries: &[],
            modules: &[],
            native_modules: NativeModules::BuiltIn,
            resources: Resources::default(),
            guests: Guests::none(),
            failed_require: None,
            scratch: Vec::new(),
            scratch_name: Vec::new(),
            trace: Vec::new(),
            message: None,
            sink: None,
        }
    }

    /// Runs `call` with the message and the sink lent to host functions.
    pub(super) fn lend<R>(
        host: *mut Host,
        message: Option<Message<'_>>,
        sink: &mut dyn Sink,
        call: impl FnOnce() -> R,
    ) -> R {
        /// Takes the loan back also when the call panics.
        struct Loan(*mut Host);
        impl Drop for Loan {
            fn drop(&mut self) {
                // SAFETY: the host outlives the loan; see below.
                unsafe {
                    (*self.0).message = None;
                    (*self.0).sink = None;
                }
            }
        }
        // SAFETY: `host` is the sandbox's box, alive during the call. Message and sink outlive `call`, and `Loan`
        // ends their visibility before this function returns; the lifetimes are only widened in between.
        unsafe {
            (*host).message = message.map(|it| std::mem::transmute::<Message<'_>, Message<'static>>(it));
            let sink: NonNull<dyn Sink + '_> = NonNull::from(sink);
            (*host).sink = Some(std::mem::transmute::<NonNull<dyn Sink + '_>, NonNull<dyn Sink>>(sink));
        }
        let _loan = Loan(host);
        call()
    }

    /// What decides which modules are found.
    pub fn search(&self) -> Search<'_> {
        Search {
            disabled: self.disabled_modules,
            path: self.path.as_deref(),
            cpath: self.cpath.as_deref(),
            modules: self.modules,
            native_modules: &self.native_modules,
        }
    }

    /// The message of the running call.
    #[inline]
    pub fn message(&self) -> Option<Message<'_>> {
        self.message
    }

    /// Says something to the host of the running call, if it listens.
    pub fn tell(&mut self, tell: impl FnOnce(&mut dyn Sink)) {
        if let Some(mut sink) = self.sink {
            // SAFETY: lent for the running call; no other reference to it is alive in here.
            tell(unsafe { sink.as_mut() });
        }
    }

    /// Sets the error text as C would: cut at the first NUL and at 255 bytes.
    pub fn set_error(&mut self, text: &[u8]) {
        self.state.set_error(text);
    }
}

impl HostState {
    /// Sets the error text as C would: cut at the first NUL and at 255 bytes.
    pub fn set_error(&mut self, text: &[u8]) {
        let text = crate::vm::lua::until_nul(text);
        self.error.clear();
        self.error.extend_from_slice(&text[..text.len().min(MAX_ERROR)]);
    }

    /// Notes how full the output buffer is.
    pub fn note_output(&mut self, used: usize) {
        self.output_peak = self.output_peak.max(used);
    }
}

/// The host of the VM a host function runs in. Not to be held across a call that can run Lua code.
#[inline]
pub fn host(lua: Lua<'_>) -> &mut Host {
    // SAFETY: every VM of a sandbox has its boxed host there, alive as long as the VM, and one thread runs both.
    unsafe { &mut *lua.context().user.cast::<Host>() }
}

/// Pushes the host's scratch text; see [`Lua::lend`].
pub fn push_scratch(lua: Lua<'_>) {
    lua.lend(|context| &mut of_context(context).scratch, |text| lua.push_bytes(text));
}

/// The host behind a VM's context, for [`Lua::work`].
#[inline]
pub fn of_context(context: &mut Context) -> &mut Host {
    // SAFETY: as for `host`.
    unsafe { &mut *context.user.cast::<Host>() }
}
