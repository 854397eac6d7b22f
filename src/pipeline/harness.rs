//! The single-thread host for analysis plugins: several filters over one read of the data.
//!
//! Time is the data's, as in `hindsight_cli` (hindsight `src/hs_analysis_plugins.c:445-585`): the ticker's clock is
//! the highest Timestamp so far in whole seconds and starts at 0; before the first message there is one idle pass,
//! after the last every live filter gets its shutdown event.

use super::filter::{Filter, FilterContext, FilterReport, FilterSpec};
use crate::{
    event::{Event, Flow, Observer, RecordId},
    message::Message,
    system::{Clock, wall_ns},
};

const NANOSECONDS: i64 = 1_000_000_000;

/// A set of filters being run.
pub struct Harness {
    filters: Vec<Filter>,
    clock: Clock,
    /// The highest Timestamp so far, from 0: the ticker's clock.
    ticker_ns: i64,
    /// The virtual wall clock.
    now_ns: i64,
    record: RecordId,
    tells_records: bool,
}

impl Harness {
    /// Creates the filters in order. `context.start_ns` is the first record's Timestamp.
    pub fn start(specs: &[FilterSpec], context: &FilterContext<'_>, observer: &mut dyn Observer) -> Harness {
        let filters =
            specs.iter().enumerate().map(|(i, spec)| Filter::create(i, spec, context, observer)).collect();
        Harness {
            filters,
            clock: context.system.clock,
            ticker_ns: 0,
            now_ns: context.start_ns,
            record: RecordId::default(),
            tells_records: observer.wants_records(),
        }
    }

    /// The idle pass before the first message.
    pub fn idle(&mut self, observer: &mut dyn Observer) -> Flow {
        let (record, seconds, now_ns) = (self.record, self.seconds(), self.now());
        both(self.filters.iter_mut().map(|it| it.idle(record, seconds, now_ns, observer)))
    }

    /// Measures the wall-clock cost of every call from here on.
    pub fn measure(&mut self) {
        self.filters.iter_mut().for_each(Filter::measure);
    }

    fn seconds(&self) -> i64 {
        self.ticker_ns / NANOSECONDS
    }

    fn now(&self) -> i64 {
        match self.clock {
            Clock::Data => self.now_ns,
            Clock::Wall => wall_ns(),
        }
    }

    /// Shows every filter one record; `record.number` counts from 1.
    #[inline]
    pub fn process(&mut self, message: Message<'_>, record: RecordId, observer: &mut dyn Observer) -> Flow {
        self.record = record;
        let timestamp = message.timestamp();
        self.ticker_ns = self.ticker_ns.max(timestamp);
        self.now_ns = self.now_ns.max(timestamp);
        let (seconds, now_ns) = (self.seconds(), self.now());
        let mut flow = Flow::Continue;
        for filter in &mut self.filters {
            if filter.process(message, record, seconds, now_ns, observer) == Flow::Abandon {
                flow = Flow::Abandon;
            }
        }
        if self.tells_records && observer.event(&Event::Record { record }) == Flow::Abandon {
            flow = Flow::Abandon;
        }
        flow
    }

    /// Whether any filter still lives: without one, reading on is useless.
    #[inline]
    pub fn is_alive(&self) -> bool {
        self.filters.iter().any(Filter::is_alive)
    }

    /// The filters, for tests and the debugger.
    pub fn filters(&mut self) -> &mut [Filter] {
        &mut self.filters
    }

    /// Ends the run: the shutdown event for every live filter, then their states.
    pub fn finish(mut self, observer: &mut dyn Observer) -> Vec<FilterReport> {
        let (record, seconds, now_ns) = (self.record, self.seconds(), self.now());
        for filter in &mut self.filters {
            // The run is over either way.
            let _ = filter.shut_down(record, seconds, now_ns, observer);
        }
        self.filters.into_iter().map(|it| it.finish(observer)).collect()
    }
}

/// Abandon if any of them is.
fn both(flows: impl Iterator<Item = Flow>) -> Flow {
    flows.fold(Flow::Continue, |all, it| if it == Flow::Abandon { it } else { all })
}
