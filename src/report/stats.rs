//! Production's `plugins.tsv` for the filters of a replay (hindsight `src/hs_checkpoint_writer.c`).

use std::fmt::Write as _;

use crate::pipeline::{FilterReport, filter::Running};

const COLUMNS: [&str; 15] = [
    "Plugin",
    "Inject Message Count",
    "Inject Message Bytes",
    "Process Message Count",
    "Process Message Failures",
    "Current Memory",
    "Max Memory",
    "Max Output",
    "Max Instructions",
    "Message Matcher Avg (ns)",
    "Message Matcher SD (ns)",
    "Process Message Avg (ns)",
    "Process Message SD (ns)",
    "Timer Event Avg (ns)",
    "Timer Event SD (ns)",
];

/// The table, header line included; times are wall-clock nanoseconds.
pub fn plugins_tsv(filters: &[FilterReport]) -> String {
    let mut res = COLUMNS.join("\t");
    res.push('\n');
    for filter in filters {
        let [memory, instruction, output] = filter.limits.map(|it| it.max);
        let times = |it: &Running| format!("{:.0}\t{:.0}", it.average(), it.deviation());
        let timing = &filter.timing;
        // Writing to a String does not fail.
        let _ = writeln!(
            res,
            "{}\t{}\t{}\t{}\t{}\t{}\t{memory}\t{output}\t{instruction}\t{}\t{}\t{}",
            filter.name,
            filter.injected,
            filter.injected_bytes,
            filter.process_message_count,
            filter.process_message_failures,
            filter.memory_now,
            times(&timing.matcher),
            times(&timing.process_message),
            times(&timing.timer_event),
        );
    }
    res
}
