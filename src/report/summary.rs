//! The words on standard error at the end of a replay.

use std::{fmt::Write as _, path::Path};

use crate::{
    archive::Tally,
    event::SourceLine,
    message::render::escape,
    pipeline::{CreateFailure, FilterReport, Outcome, limits::LimitReport},
    replay::{Replay, Stop, TermCount},
};

/// Damage entries shown; the report has all.
const SHOWN_DAMAGE: usize = 5;

/// How words are marked; plain where there is no colour.
#[derive(Clone, Copy, Debug)]
pub struct Style {
    /// Whether to use colour.
    pub color: bool,
}

impl Style {
    fn paint(self, code: &str, text: &str) -> String {
        if self.color { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }

    fn error(self, text: &str) -> String {
        self.paint("1;31", text)
    }

    fn warning(self, text: &str) -> String {
        self.paint("1;33", text)
    }

    fn good(self, text: &str) -> String {
        self.paint("32", text)
    }

    fn strong(self, text: &str) -> String {
        self.paint("1", text)
    }
}

/// Bytes of a script or an input, made harmless for a terminal.
fn safe(bytes: &[u8]) -> String {
    let mut res = Vec::new();
    escape(bytes, &mut res);
    String::from_utf8_lossy(&res).into_owned()
}

fn uuid(bytes: &[u8; 16]) -> String {
    let mut res = String::new();
    for (i, byte) in bytes.iter().enumerate() {
        if matches!(i, 4 | 6 | 8 | 10) {
            res.push('-');
        }
        let _ = write!(res, "{byte:02x}");
    }
    res
}

fn count(number: u64, one: &str, many: &str) -> String {
    format!("{} {}", grouped(number), if number == 1 { one } else { many })
}

/// A number with thousands apart.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut res = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            res.push(',');
        }
        res.push(digit);
    }
    res
}

fn size(bytes: u64) -> String {
    match bytes {
        0..1_000 => format!("{bytes} B"),
        1_000..1_000_000 => format!("{:.1} kB", bytes as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", bytes as f64 / 1e6),
        _ => format!("{:.2} GB", bytes as f64 / 1e9),
    }
}

/// The summary of a replay. `terms` has, for each filter that matched nothing, how often its matcher's tests were true,
/// and over how many records.
pub fn summary(replay: &Replay, terms: &[(usize, Vec<TermCount>, u64)], style: Style) -> String {
    let mut res = String::new();
    for (i, filter) in replay.filters.iter().enumerate() {
        res.push_str(&filter_lines(filter, style));
        if let Some((_, terms, records)) = terms.iter().find(|(at, ..)| *at == i) {
            term_lines(&mut res, filter, terms, *records);
        }
    }
    input_lines(&mut res, replay, style);
    res
}

fn filter_lines(filter: &FilterReport, style: Style) -> String {
    let mut res = String::new();
    let outcome = match filter.outcome {
        Outcome::Ok => style.good("ok"),
        Outcome::Terminated => style.error("terminated"),
        Outcome::CreateFailed => style.error("not created"),
    };
    let _ = write!(res, "{}: {outcome}", style.strong(&filter.name));
    if filter.outcome == Outcome::CreateFailed {
        res.push('\n');
        return res;
    }
    let _ = write!(
        res,
        "  {} read, {} matched, {} processed",
        grouped(filter.messages_read),
        grouped(filter.messages_matched),
        grouped(filter.process_message_count),
    );
    if filter.process_message_failures > 0 {
        let failed = format!("{} failed", grouped(filter.process_message_failures));
        let _ = write!(res, ", {}", style.warning(&failed));
    }
    let _ = write!(
        res,
        ", {}, {} injected",
        count(filter.timer_events, "timer event", "timer events"),
        grouped(filter.injected),
    );
    if filter.sent.count > 0 {
        let _ = write!(res, ", {} sent ({})", grouped(filter.sent.count), size(filter.sent.bytes));
    }
    res.push('\n');
    // A termination has said it.
    if filter.outcome == Outcome::Ok {
        let _ = writeln!(res, "    limits used: {}", limits_used(filter));
    }
    res
}

fn limits_used(filter: &FilterReport) -> String {
    let exceeded = filter.error.as_deref().and_then(exceeded);
    let words: Vec<String> =
        filter.limits.iter().map(|it| limit_use(it, exceeded == Some(it.name))).collect();
    words.join(", ")
}

/// The limit an error text is about.
fn exceeded(error: &[u8]) -> Option<&'static str> {
    let has = |text: &str| memchr::memmem::find(error, text.as_bytes()).is_some();
    [
        ("instruction_limit exceeded", "instruction"),
        ("not enough memory", "memory"),
        ("output_limit exceeded", "output"),
    ]
    .into_iter()
    .find_map(|(text, name)| has(text).then_some(name))
}

/// A call that ends at a limit is not in production's figures, so the most that was used says nothing of it.
fn limit_use(limit: &LimitReport, is_exceeded: bool) -> String {
    if is_exceeded && limit.limit > 0 {
        return format!("{} over {}", limit.name, grouped(limit.limit as u64));
    }
    let used = grouped(limit.max as u64);
    if limit.limit == 0 {
        return format!("{} {used} (no limit)", limit.name);
    }
    let share = limit.max as f64 / limit.limit as f64 * 100.0;
    format!("{} {used} of {} ({share:.0} %)", limit.name, grouped(limit.limit as u64))
}

fn term_lines(res: &mut String, filter: &FilterReport, terms: &[TermCount], records: u64) {
    let _ = writeln!(
        res,
        "    nothing matched: {}\n    how often each term was true, of the first {}:",
        safe(&filter.message_matcher),
        count(records, "record", "records"),
    );
    for term in terms {
        let _ = writeln!(res, "      {:>9}  {}", grouped(term.matched), safe(term.text.as_bytes()));
    }
}

fn input_lines(res: &mut String, replay: &Replay, style: Style) {
    let tally = &replay.tally;
    let seconds = replay.elapsed.as_secs_f64();
    let rate = if seconds > 0.0 { replay.selected as f64 / seconds } else { 0.0 };
    let _ = write!(
        res,
        "{} in {} ({}",
        count(replay.selected, "message", "messages"),
        duration(seconds),
        size(tally.bytes)
    );
    if tally.records != replay.selected {
        let _ = write!(res, ", {} in the input", grouped(tally.records));
    }
    let _ = writeln!(res, "), {} messages/s", grouped(rate as u64));
    if tally.is_damaged() {
        res.push_str(&damage(tally, style));
    }
    if let Some(failure) = &replay.failure {
        let _ = writeln!(res, "{}: {failure}", style.error("reading failed"));
    }
    match &replay.stop {
        Some(Stop::NoFilterLeft(place)) if place.record > 0 => {
            let _ = writeln!(
                res,
                "every filter has ended: reading stopped behind message {} ({} at offset {})",
                place.record, place.file, place.offset
            );
        }
        Some(Stop::Interrupted(place)) => {
            let text = format!("interrupted behind message {}", place.record);
            let _ = writeln!(
                res,
                "{} ({} at offset {}); the filters were shut down and what they injected is complete up to there",
                style.warning(&text),
                place.file,
                place.offset
            );
        }
        _ => {}
    }
}

/// What is damaged: totals and the first places.
pub fn damage(tally: &Tally, style: Style) -> String {
    let text = format!(
        "damaged input: {} skipped, {} pending, {}",
        count(tally.skipped_bytes, "byte", "bytes"),
        count(tally.pending_bytes, "byte", "bytes"),
        count(tally.damage_total, "place", "places"),
    );
    let mut res = style.warning(&text);
    res.push('\n');
    for damage in tally.damage.iter().take(SHOWN_DAMAGE) {
        let _ = writeln!(
            res,
            "    {} at offset {}, {}: {}",
            damage.file,
            damage.offset,
            count(damage.length, "byte", "bytes"),
            damage.reason
        );
    }
    if tally.damage_total > SHOWN_DAMAGE as u64 {
        let _ = writeln!(res, "    and {} more", tally.damage_total - SHOWN_DAMAGE as u64);
    }
    res
}

fn duration(seconds: f64) -> String {
    if seconds < 1.0 { format!("{:.0} ms", seconds * 1e3) } else { format!("{seconds:.2} s") }
}

/// What is said of a filter that ended early or could not be created, with the source line it happened in.
/// `script` reads a source line's file.
pub fn termination(
    filter: &FilterReport,
    inputs: &[String],
    style: Style,
    script: &dyn Fn(&Path) -> Option<String>,
) -> Option<String> {
    let error = filter.error.as_deref()?;
    let mut res = String::new();
    let heading = match filter.outcome {
        Outcome::CreateFailed => "cannot be created",
        _ => "terminated",
    };
    let _ = writeln!(res, "{} {}: {}", style.strong(&filter.name), style.error(heading), safe(error));
    if let Some(CreateFailure::Matcher { explanation }) = &filter.failure {
        for line in explanation.lines() {
            let _ = writeln!(res, "    {line}");
        }
    }
    if matches!(filter.failure, Some(CreateFailure::Config | CreateFailure::Matcher { .. })) {
        let _ = writeln!(res, "    hint: `cepshim check` says where it is and what was expected");
    }
    if let Some((callback, record)) = &filter.ended {
        let _ = write!(res, "    in {callback}");
        if record.number > 0 {
            let input = inputs.get(record.input).map_or("?", String::as_str);
            let _ = write!(
                res,
                ", message {} ({input} at offset {}, Uuid {})",
                grouped(record.number),
                record.offset,
                uuid(&record.uuid)
            );
        }
        res.push('\n');
    }
    let place = filter.trace.iter().find(|it| it.line > 0).cloned().or_else(|| place_in(error));
    if let Some(place) = place {
        source_lines(&mut res, &place, script);
    }
    if filter.trace.iter().filter(|it| it.line > 0).count() > 1 {
        let _ = writeln!(res, "    traceback:");
        for frame in filter.trace.iter().filter(|it| it.line > 0) {
            let _ = writeln!(res, "      {}:{}", safe(&frame.chunk), frame.line);
        }
    }
    if let Some(advice) = &filter.advice {
        let _ = writeln!(res, "    hint: {}", safe(advice.as_bytes()));
    }
    if filter.outcome == Outcome::Terminated {
        let _ = writeln!(res, "    limits used: {}", limits_used(filter));
        if let Some(hint) = hint(error) {
            let _ = writeln!(res, "    hint: {hint}");
        }
    }
    Some(res)
}

/// The place in a text such as `plugin.lua:3: ...`.
fn place_in(error: &[u8]) -> Option<SourceLine> {
    let text = std::str::from_utf8(error).ok()?;
    let start = text.find(".lua:")?;
    let name = text[..start].rsplit(' ').next()?;
    let digits: String = text[start + 5..].chars().take_while(char::is_ascii_digit).collect();
    Some(SourceLine { chunk: format!("{name}.lua").into_bytes(), line: digits.parse().ok()? })
}

/// The line with its neighbours, and a caret under its first word.
fn source_lines(res: &mut String, place: &SourceLine, script: &dyn Fn(&Path) -> Option<String>) {
    let name = String::from_utf8_lossy(&place.chunk).into_owned();
    let _ = writeln!(res, "    at {name}:{}", place.line);
    let Some(text) = script(Path::new(&name)) else { return };
    let number = place.line as usize;
    let Some(line) = text.lines().nth(number.saturating_sub(1)) else { return };
    let line = safe(line.replace('\t', "    ").as_bytes());
    let gutter = number.to_string().len();
    let indent = line.len() - line.trim_start().len();
    let _ = writeln!(res, "    {:gutter$} |", "");
    let _ = writeln!(res, "    {number} | {line}");
    let _ = writeln!(res, "    {:gutter$} | {:indent$}^", "", "");
}

/// The setting that changes a limit.
fn hint(error: &[u8]) -> Option<&'static str> {
    let text = String::from_utf8_lossy(error);
    if text.contains("instruction_limit exceeded") {
        Some("raise instruction_limit in the plugin's cfg, or do less in one call")
    } else if text.contains("not enough memory") {
        Some("raise memory_limit in the plugin's cfg, or keep less")
    } else if text.contains("output_limit exceeded") {
        Some("raise output_limit in the plugin's cfg, or inject smaller payloads")
    } else if text.contains("injection limit exceeded") {
        Some("raise process_message_inject_limit (default 0) or timer_event_inject_limit (default 10)")
    } else if text.contains("timer_event() function was not found") {
        Some("production calls timer_event at shutdown of every analysis plugin: define it")
    } else {
        None
    }
}
