//! One replay, on one thread.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use super::watch::Watch;
use crate::{
    archive::{self, ArchiveError, Reader, Record, Source, Tally},
    event::{Flow, Observer, RecordId},
    matcher::Selection,
    message::Message,
    pipeline::{FilterContext, FilterReport, FilterSpec, Harness, HostConfig, NativeModules},
    system::System,
};

/// What is to be replayed.
pub struct Options {
    /// The filters, in the order their output is to have.
    pub filters: Vec<FilterSpec>,
    /// The inputs.
    pub sources: Vec<Source>,
    /// How they are read.
    pub reading: archive::Options,
    /// Which of their records are meant.
    pub selection: Selection,
    /// Hindsight's configuration or its stand-in.
    pub host: HostConfig,
    /// The world.
    pub system: System,
    /// Lines above this level are not logged.
    pub log_level: u8,
    /// Budget of pattern-matching steps per call.
    pub c_steps: u64,
    /// Which modules may be loaded from shared libraries.
    pub native_modules: NativeModules,
    /// Measures the wall-clock cost of every call.
    pub measure: bool,
    /// Set to end the run after the message being processed.
    pub interrupt: Arc<AtomicBool>,
    /// Where progress is left for others to see.
    pub watch: Arc<Watch>,
}

/// Why reading ended before the end of the input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stop {
    /// Every filter had ended; the last record read.
    NoFilterLeft(Place),
    /// The limit of the selection was reached.
    Limit(Place),
    /// An observer asked for it.
    Abandoned(Place),
    /// The user interrupted the run.
    Interrupted(Place),
}

/// A record in the inputs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// Number of the record among the selected ones, from 1; 0 before the first.
    pub record: u64,
    /// The input's name.
    pub file: String,
    /// Offset of the record's frame in bytes.
    pub offset: u64,
}

/// What is known when a replay has ended.
#[derive(Debug)]
pub struct Replay {
    /// The filters' own accounts, in the order given.
    pub filters: Vec<FilterReport>,
    /// The input's bytes, each accounted for.
    pub tally: Tally,
    /// Records that were selected.
    pub selected: u64,
    /// Why reading ended early, if it did.
    pub stop: Option<Stop>,
    /// An input that could not be read; the filters were shut down after what was read before.
    pub failure: Option<ArchiveError>,
    /// How long it took.
    pub elapsed: Duration,
}

/// Why a replay did not even start.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The inputs cannot be read.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
}

/// Progress is left for others to see every so many records.
const PROGRESS_STEP: u64 = 1024;

/// Runs the filters over the inputs.
pub fn run(options: &Options, observer: &mut dyn Observer) -> Result<Replay, ReplayError> {
    let started = Instant::now();
    let mut reader = Reader::open(options.sources.clone(), options.reading.clone())?;
    let mut running = Running {
        options,
        selects_all: options.selection.is_everything(),
        limit: options.selection.limit.unwrap_or(u64::MAX),
        selected: 0,
        place: (0, 0),
    };
    let mut failure = None;
    // The clock starts at the first record, so the filters are created once it is known.
    let (mut harness, mut flow) = match running.next(&mut reader) {
        Ok(Some(record)) => {
            let (mut harness, mut flow) = running.start(record.message.timestamp(), observer);
            // The first record was read before anybody could say whether it is wanted.
            if running.reason_to_stop(&harness, flow).is_none() {
                flow = running.process(&mut harness, &record, observer);
            }
            (harness, flow)
        }
        outcome => {
            failure = outcome.err();
            running.start(0, observer)
        }
    };
    let mut stop = running.reason_to_stop(&harness, flow);
    while stop.is_none() && failure.is_none() {
        match running.next(&mut reader) {
            Ok(Some(_)) if running.is_interrupted() => {}
            Ok(Some(record)) => flow = running.process(&mut harness, &record, observer),
            Ok(None) => {
                // An interrupted pipe ends like any other.
                stop = running.is_interrupted().then(|| Stop::Interrupted(running.named_place()));
                break;
            }
            Err(error) => failure = Some(error),
        }
        if running.selected.is_multiple_of(PROGRESS_STEP) {
            options.watch.read(reader.progress().read);
        }
        stop = running.reason_to_stop(&harness, flow);
    }
    let selected = running.selected;
    options.watch.start(selected);
    let filters = harness.finish(observer);
    options.watch.end();
    Ok(Replay { filters, tally: reader.tally(), selected, stop, failure, elapsed: started.elapsed() })
}

struct Running<'a> {
    options: &'a Options,
    /// Whether records need not be looked at to be selected.
    selects_all: bool,
    limit: u64,
    selected: u64,
    /// Input and offset of the last record.
    place: (usize, u64),
}

impl Running<'_> {
    fn start(&self, start_ns: i64, observer: &mut dyn Observer) -> (Harness, Flow) {
        let options = self.options;
        let context = FilterContext {
            host: &options.host,
            system: &options.system,
            log_level: options.log_level,
            c_steps: options.c_steps,
            native_modules: &options.native_modules,
            start_ns,
            first_slot: 0,
            rehearse: false,
        };
        let mut harness = Harness::start(&options.filters, &context, observer);
        if options.measure {
            harness.measure();
        }
        let flow = harness.idle(observer);
        (harness, flow)
    }

    /// The next selected record.
    #[inline]
    fn next<'r>(&self, reader: &'r mut Reader) -> Result<Option<Record<'r>>, ArchiveError> {
        if self.selects_all {
            return reader.next();
        }
        // An interruption also ends the search for a record; what it lends then is not processed.
        reader.next_where(|message| self.is_interrupted() || self.options.selection.contains(message))
    }

    #[inline]
    fn process(&mut self, harness: &mut Harness, record: &Record<'_>, observer: &mut dyn Observer) -> Flow {
        self.selected += 1;
        self.place = (record.file_index, record.offset);
        self.options.watch.start(self.selected);
        let flow = harness.process(record.message, record_id(self.selected, record), observer);
        self.options.watch.end();
        flow
    }

    #[inline]
    fn is_interrupted(&self) -> bool {
        self.options.interrupt.load(Ordering::Relaxed)
    }

    #[inline]
    fn reason_to_stop(&self, harness: &Harness, flow: Flow) -> Option<Stop> {
        let reason: fn(Place) -> Stop = if flow == Flow::Abandon {
            Stop::Abandoned
        } else if self.is_interrupted() {
            Stop::Interrupted
        } else if !harness.is_alive() {
            Stop::NoFilterLeft
        } else if self.selected >= self.limit {
            Stop::Limit
        } else {
            return None;
        };
        Some(reason(self.named_place()))
    }

    fn named_place(&self) -> Place {
        let (input, offset) = self.place;
        let file = self.options.sources.get(input).map(|it| it.name().to_string()).unwrap_or_default();
        Place { record: self.selected, file, offset }
    }
}

fn record_id(number: u64, record: &Record<'_>) -> RecordId {
    RecordId { number, input: record.file_index, offset: record.offset, uuid: uuid(record.message) }
}

fn uuid(message: Message<'_>) -> [u8; 16] {
    message.uuid().try_into().unwrap_or_default()
}
