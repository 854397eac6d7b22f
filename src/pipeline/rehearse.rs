//! Running every call twice: the proof that a snapshot holds everything.
//!
//! Time travel rests on one promise: a call depends on nothing but the snapshot and its arguments. A rehearsed filter
//! takes a snapshot before each call, runs it, goes back, fills the memory that no snapshot covers with garbage,
//! runs it again, and compares all that can be compared. Going back gives the host's state new allocations, so a
//! stale pointer to the old ones shows as well.

use crate::{
    event::Sent,
    sandbox::{AnalysisPlugin, Pinned, Sink, Snapshot},
    vm::Place,
};

/// What differs is kept up to this many calls.
const MAX_DIFFERENCES: usize = 20;

/// Compares rehearsals and gathers what differed.
#[derive(Debug, Default)]
pub struct Rehearsal {
    calls: u64,
    differences: Vec<String>,
}

/// What a call said, kept until it may be passed on.
#[derive(Debug, Default, PartialEq)]
struct Recorded {
    said: Vec<Said>,
}

#[derive(Debug, PartialEq)]
enum Said {
    Injected(Vec<u8>, Place),
    Sent(OwnedSent, Place),
    Log(u8, Vec<u8>, Vec<u8>),
}

/// A [`Sent`] that outlives the call.
#[derive(Debug, PartialEq)]
struct OwnedSent {
    module: String,
    action: String,
    destination: Vec<u8>,
    parameters: Vec<(String, Vec<u8>)>,
    bytes: Vec<u8>,
}

impl OwnedSent {
    fn of(sent: Sent<'_>) -> OwnedSent {
        OwnedSent {
            module: sent.module.to_owned(),
            action: sent.action.to_owned(),
            destination: sent.destination.to_vec(),
            parameters: sent
                .parameters
                .iter()
                .map(|&(name, value)| (name.to_owned(), value.to_vec()))
                .collect(),
            bytes: sent.bytes.to_vec(),
        }
    }

    fn pass_on(&self, place: Place, sink: &mut dyn Sink) {
        let parameters: Vec<(&str, &[u8])> =
            self.parameters.iter().map(|(name, value)| (name.as_str(), value.as_slice())).collect();
        let OwnedSent { module, action, destination, bytes, .. } = self;
        sink.sent(Sent { module, action, destination, parameters: &parameters, bytes }, place);
    }
}

impl Sink for Recorded {
    fn injected(&mut self, message: &[u8], place: Place) {
        self.said.push(Said::Injected(message.to_vec(), place));
    }

    fn sent(&mut self, sent: Sent<'_>, place: Place) {
        self.said.push(Said::Sent(OwnedSent::of(sent), place));
    }

    fn log(&mut self, level: u8, component: &[u8], text: &[u8]) {
        self.said.push(Said::Log(level, component.to_vec(), text.to_vec()));
    }
}

impl Recorded {
    fn pass_on(&self, sink: &mut dyn Sink) {
        for said in &self.said {
            match said {
                Said::Injected(message, place) => sink.injected(message, *place),
                Said::Sent(sent, place) => sent.pass_on(*place, sink),
                Said::Log(level, component, text) => sink.log(*level, component, text),
            }
        }
    }
}

struct Take<R> {
    result: R,
    recorded: Recorded,
    after: Result<Snapshot, Pinned>,
    digest: u64,
    error: Vec<u8>,
}

impl Rehearsal {
    /// Runs `call` twice from one snapshot; what the second said goes to `sink`.
    pub fn run<R: PartialEq + std::fmt::Debug>(
        &mut self,
        plugin: &mut AnalysisPlugin,
        sink: &mut dyn Sink,
        call: impl Fn(&mut AnalysisPlugin, &mut dyn Sink) -> R,
    ) -> R {
        let before = plugin.snapshot();
        let first = take(plugin, &call);
        // A file or a socket cannot be put back: such a call runs once.
        let (Ok(before), Ok(_)) = (before, &first.after) else {
            first.recorded.pass_on(sink);
            return first.result;
        };
        plugin.restore(&before);
        // A different byte each time: a run that reads it cannot come out the same.
        plugin.scribble_free_tail(self.calls as u8 ^ 0xa5);
        let second = take(plugin, &call);
        self.calls += 1;
        if let Some(difference) = difference(&first, &second)
            && self.differences.len() < MAX_DIFFERENCES
        {
            self.differences.push(format!("call {}: {difference}", self.calls));
        }
        second.recorded.pass_on(sink);
        second.result
    }

    /// What differed, in words.
    pub fn differences(&self) -> &[String] {
        &self.differences
    }

    /// How many calls were rehearsed.
    pub fn calls(&self) -> u64 {
        self.calls
    }
}

fn take<R>(plugin: &mut AnalysisPlugin, call: impl Fn(&mut AnalysisPlugin, &mut dyn Sink) -> R) -> Take<R> {
    let mut recorded = Recorded::default();
    let result = call(plugin, &mut recorded);
    let after = plugin.snapshot();
    let error = plugin.error().to_vec();
    Take { result, recorded, after, digest: plugin.digest(), error }
}

fn difference<R: PartialEq + std::fmt::Debug>(first: &Take<R>, second: &Take<R>) -> Option<String> {
    if first.result != second.result {
        return Some(format!("results {:?} and {:?}", first.result, second.result));
    }
    if first.recorded != second.recorded {
        return Some(format!("outputs {:?} and {:?}", first.recorded, second.recorded));
    }
    if first.error != second.error {
        return Some("error texts".to_owned());
    }
    if first.digest != second.digest {
        return Some("state digests".to_owned());
    }
    match (&first.after, &second.after) {
        (Ok(first), Ok(second)) => first.difference(second),
        (first, second) => Some(format!("snapshots {:?} and {:?}", first.is_ok(), second.is_ok())),
    }
}
