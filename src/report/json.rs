//! `REPORT.json`: what scripts read.

use serde_json::{Map, Value, json as value};

use crate::{
    archive::Damage,
    pipeline::{FilterReport, Outcome},
    replay::{Replay, Stop},
};

/// The version of the report's format.
pub const REPORT_VERSION: u64 = 1;

/// Bytes as a text with one code point per byte.
fn latin1(bytes: &[u8]) -> String {
    bytes.iter().map(|&it| char::from(it)).collect()
}

/// The report, pretty-printed, with a line end.
pub fn json(replay: &Replay) -> String {
    let tally = &replay.tally;
    let mut input = value!({
        "records": tally.records,
        "selected": replay.selected,
        "bytes": tally.bytes,
        "record_bytes": tally.record_bytes,
        "skipped_bytes": tally.skipped_bytes,
        "pending_bytes": tally.pending_bytes,
        "damage": tally.damage.iter().map(damage).collect::<Vec<_>>(),
        "damage_total": tally.damage_total,
    });
    if let Some(input) = input.as_object_mut() {
        if let Some(stop) = &replay.stop {
            input.insert("stopped".to_owned(), stopped(stop));
        }
        if let Some(failure) = &replay.failure {
            input.insert("failure".to_owned(), Value::from(failure.to_string()));
        }
    }
    let report = value!({
        "version": REPORT_VERSION,
        "filters": replay.filters.iter().map(filter).collect::<Vec<_>>(),
        "input": input,
    });
    // A value of this shape always has a text.
    let mut text = serde_json::to_string_pretty(&report).unwrap_or_default();
    text.push('\n');
    text
}

fn damage(damage: &Damage) -> Value {
    value!({
        "file": &*damage.file,
        "offset": damage.offset,
        "length": damage.length,
        "reason": damage.reason.to_string(),
    })
}

fn stopped(stop: &Stop) -> Value {
    let (reason, place) = match stop {
        Stop::NoFilterLeft(place) => ("every filter has ended", place),
        Stop::Limit(place) => ("limit", place),
        Stop::Abandoned(place) => ("abandoned", place),
        Stop::Interrupted(place) => ("interrupted", place),
    };
    value!({ "reason": reason, "record": place.record, "file": place.file, "offset": place.offset })
}

fn filter(report: &FilterReport) -> Value {
    let limits: Map<String, Value> = report
        .limits
        .iter()
        .map(|it| (it.name.to_owned(), value!({ "limit": it.limit, "max": it.max, "at": it.at })))
        .collect();
    value!({
        "name": report.name,
        "outcome": match report.outcome {
            Outcome::Ok => "ok",
            Outcome::Terminated => "terminated",
            Outcome::CreateFailed => "create_failed",
        },
        "error": report.error.as_deref().map(latin1),
        "injected": report.injected,
        "sent": report.sent.count,
        "sent_bytes": report.sent.bytes,
        "messages_read": report.messages_read,
        "messages_matched": report.messages_matched,
        "process_message_count": report.process_message_count,
        "process_message_failures": report.process_message_failures,
        "timer_events": report.timer_events,
        "logs": report.logs.iter().map(|it| latin1(it)).collect::<Vec<_>>(),
        "limits": limits,
    })
}
