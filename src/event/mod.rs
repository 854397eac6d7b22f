//! What happens during a run, as plain data.
//!
//! The engine pushes, others listen: outputs, reports, progress, later the recorder and the debugger, are observers of
//! the same events. That is why events stand below everything that makes them: an event owned by its consumer would
//! tie the engine to it.
//!
//! An observer may block, and it answers [`Flow`]: continue, or abandon the run as soon as the current call is over.

use std::fmt;

/// What an observer wants to happen next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Flow {
    /// Go on.
    Continue,
    /// Stop reading; what is running is finished.
    Abandon,
}

/// Which call into a filter something comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Callback {
    /// The script body.
    Load,
    /// `process_message`.
    ProcessMessage,
    /// `timer_event`, at shutdown or not.
    TimerEvent {
        /// Whether it is the last one.
        shutdown: bool,
    },
}

impl fmt::Display for Callback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Callback::Load => "script body",
            Callback::ProcessMessage => "process_message",
            Callback::TimerEvent { shutdown: false } => "timer_event",
            Callback::TimerEvent { shutdown: true } => "timer_event (shutdown)",
        })
    }
}

/// The record a call belongs to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RecordId {
    /// Number of the record among those the filters see, from 1; 0 before the first.
    pub number: u64,
    /// Which of the inputs it is from.
    pub input: usize,
    /// Offset in bytes of its frame in the (decompressed) input.
    pub offset: u64,
    /// Its Uuid.
    pub uuid: [u8; 16],
}

/// A line of a script; `chunk` as Lua names it in error texts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SourceLine {
    /// The script, for example `filters/analysis/http_status.lua`.
    pub chunk: Vec<u8>,
    /// Line from 1, 0 when unknown.
    pub line: i32,
}

/// What a plugin tried to send to the outside through a stand-in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sent<'a> {
    /// The module, as in `require`.
    pub module: &'a str,
    /// The function or method that would have sent it.
    pub action: &'a str,
    /// Where it was meant to go: hosts, topics, URLs, files; empty where the module has no notion of it.
    pub destination: &'a [u8],
    /// What else belongs to it, by name.
    pub parameters: &'a [(&'a str, &'a [u8])],
    /// The bytes.
    pub bytes: &'a [u8],
}

/// One thing that happened.
#[derive(Clone, Debug)]
pub enum Event<'a> {
    /// A log line.
    Log {
        /// Syslog level, 0-7.
        level: u8,
        /// The component or plugin that speaks.
        component: &'a [u8],
        /// Its text.
        text: &'a [u8],
    },
    /// A filter injected a message.
    Injected {
        /// Position of the filter among those given.
        filter: usize,
        /// The encoded message, without framing.
        message: &'a [u8],
        /// The call that injected it.
        callback: Callback,
        /// The record being processed, or the last one before.
        record: RecordId,
        /// The line that injected it.
        place: SourceLine,
    },
    /// A filter tried to send something to the outside; nothing left this process.
    Sent {
        /// Position of the filter among those given.
        filter: usize,
        /// What and where to.
        sent: Sent<'a>,
        /// The call that sent it.
        callback: Callback,
        /// The record being processed, or the last one before.
        record: RecordId,
        /// The line that sent it.
        place: SourceLine,
    },
    /// A filter ended early.
    Terminated {
        /// Position of the filter among those given.
        filter: usize,
        /// The call that ended it.
        callback: Callback,
        /// The record being processed, or the last one before.
        record: RecordId,
        /// Production's text.
        text: &'a [u8],
        /// Where in Lua, innermost first.
        trace: &'a [SourceLine],
    },
    /// A record was read and all filters have seen it.
    Record {
        /// Which one.
        record: RecordId,
    },
}

/// Listens to a run.
pub trait Observer {
    /// Takes notice of one event.
    fn event(&mut self, event: &Event<'_>) -> Flow;

    /// Whether [`Event::Record`] is wanted: it happens for every record, and most observers have no use for it. Asked
    /// once, when a run starts.
    fn wants_records(&self) -> bool {
        false
    }
}

/// Hears nothing.
impl Observer for () {
    fn event(&mut self, _: &Event<'_>) -> Flow {
        Flow::Continue
    }
}

/// The word for a syslog level in log lines.
pub fn level_name(level: u8) -> &'static str {
    match level {
        0 => "panic",
        1 => "alert",
        2 => "crit",
        3 => "error",
        4 => "warning",
        5 => "notice",
        6 => "info",
        _ => "debug",
    }
}
