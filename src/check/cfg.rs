//! The configuration: keys, types, limits.

use super::{
    finding::{Finding, Severity, Source},
    lua::{Kind, Token, tokens},
};
use crate::{
    pipeline::hindsight_config::{ConfigRefused, PluginConfig, PluginDefaults},
    sandbox::config::{Key, Table, Value, evaluate},
};

/// Keys that mean something to Hindsight or to the sandbox of an analysis plugin.
const KNOWN: &[&str] = &[
    "filename",
    "instruction_limit",
    "max_message_size",
    "memory_limit",
    "message_matcher",
    "output_limit",
    "preserve_data",
    "process_message_inject_limit",
    "restricted_headers",
    "shutdown_on_terminate",
    "thread",
    "ticker_interval",
    "timer_event_inject_limit",
];
/// Keys of other types of plugins.
const OTHER_TYPES: &[&str] = &["async_buffer_size", "read_queue", "remove_checkpoints_on_terminate"];
/// Keys Hindsight sets itself, after the plugin's text.
const OVERRIDDEN: &[&str] = &["Hostname", "Logger", "Pid", "cpath", "log_level", "path"];
/// Below this, creating the sandbox fails or ends production's process.
const SMALLEST_MEMORY: u32 = 20_000;
/// Below this, not even a script of a few lines gets through its body.
const SMALLEST_INSTRUCTIONS: u32 = 100;

/// A configuration that production accepts, with what the rules of the script ask about it.
pub(super) struct Checked {
    pub(super) config: PluginConfig,
    /// Keys set in the text.
    values: Table,
    tokens: Vec<Token>,
}

impl Checked {
    /// Bytes of the last assignment of a key outside any table.
    pub(super) fn key(&self, name: &str) -> Option<std::ops::Range<usize>> {
        key(&self.tokens, name)
    }
}

fn key(tokens: &[Token], name: &str) -> Option<std::ops::Range<usize>> {
    let mut depth = 0usize;
    let mut found = None;
    for (at, token) in tokens.iter().enumerate() {
        match &token.kind {
            Kind::Symbol("{") => depth += 1,
            Kind::Symbol("}") => depth = depth.saturating_sub(1),
            Kind::Name(it) if it == name && depth == 0 => {
                let is_assigned =
                    matches!(tokens.get(at + 1), Some(Token { kind: Kind::Symbol("=" | ","), .. }));
                let is_field = at > 0 && matches!(tokens[at - 1].kind, Kind::Symbol("." | ":"));
                if is_assigned && !is_field {
                    found = Some(token.span.clone());
                }
            }
            _ => {}
        }
    }
    found
}

/// Reads a configuration; `None` if production refuses it.
pub(super) fn load(
    source: &Source<'_>,
    defaults: &PluginDefaults,
    findings: &mut Vec<Finding>,
) -> Option<Checked> {
    let tokens = tokens(source.text);
    let config = match PluginConfig::load(source.text, defaults) {
        Ok(config) => config,
        Err(refused) => {
            findings.push(refusal(source, &tokens, &refused));
            return None;
        }
    };
    // It has just been evaluated without an error, and configuration depends on nothing.
    let values = evaluate(source.text, None).unwrap_or_default();
    Some(Checked { config, values, tokens })
}

/// Production's words, at the key or line they are about.
fn refusal(source: &Source<'_>, tokens: &[Token], refused: &ConfigRefused) -> Finding {
    let text = refused.to_string();
    let (rule, severity) = ("cfg-invalid", Severity::Error);
    // `[string "..."]:LINE: message`, where the text in quotes may itself hold anything.
    let line = text.rfind("\"]:").and_then(|at| {
        let digits: String = text[at + 3..].chars().take_while(char::is_ascii_digit).collect();
        let message = text[at + 3 + digits.len()..].trim_start_matches(':').trim();
        Some((digits.parse::<usize>().ok().filter(|&it| it > 0)?, message.to_owned()))
    });
    if let Some((line, message)) = line {
        return source.line(line, rule, severity, message);
    }
    let about = text.split_whitespace().next().unwrap_or_default();
    let name = if about == ".lua" { "filename" } else { about };
    // Production names `preserve_data` for whichever switch is no boolean.
    let switches = ["preserve_data", "restricted_headers", "shutdown_on_terminate"];
    let wrong_switch =
        (name == "preserve_data").then(|| evaluate(source.text, None).ok()).flatten().and_then(|values| {
            let is_wrong = |it: &&&str| !matches!(values.get(it), None | Some(Value::Boolean(_)));
            switches.iter().find(is_wrong).copied()
        });
    let help = match (about, wrong_switch) {
        (".lua", _) => Some("these are production's words: the filename must end in .lua".to_owned()),
        (_, Some(switch)) if switch != "preserve_data" => {
            Some(format!("these are production's words: it is {switch} that must be a bool"))
        }
        _ => None,
    };
    let res = match key(tokens, wrong_switch.unwrap_or(name)) {
        Some(span) => source.at(span, rule, severity, text),
        None => source.whole(rule, severity, text),
    };
    Finding { help, ..res }
}

/// The rules about a configuration that production accepts; `read` are the names the script asks `read_config` for.
pub(super) fn check(source: &Source<'_>, checked: &Checked, read: &[String], findings: &mut Vec<Finding>) {
    let mut add = |name: &str, rule, severity, message: String, help: &str| {
        let found = match checked.key(name) {
            Some(span) => source.at(span, rule, severity, message),
            None => source.whole(rule, severity, message),
        };
        findings.push(found.with_help(help));
    };
    for name in ["thread", "process_message_inject_limit"] {
        let what = match checked.values.get(name) {
            None => continue,
            Some(Value::Number(number)) if (0.0..=f64::from(u32::MAX)).contains(number) => continue,
            Some(Value::Number(number)) => format!("the number {number}"),
            Some(other) => format!("a {}", other.type_name()),
        };
        let message = format!("{name} is {what}: production silently ignores it");
        add(
            name,
            "cfg-ignored-value",
            Severity::Warning,
            message,
            "it must be a number from 0 to 4294967295",
        );
    }
    let settings = &checked.config.settings;
    if (1..SMALLEST_MEMORY).contains(&settings.memory_limit) {
        let message = format!("memory_limit {} is too low to create a sandbox", settings.memory_limit);
        let help = "below 20000 bytes creation fails, below about 12000 production's whole process exits; \
                    0 is no limit";
        add("memory_limit", "limit-too-low", Severity::Error, message, help);
    }
    if (1..SMALLEST_INSTRUCTIONS).contains(&settings.instruction_limit) {
        let message = format!("instruction_limit {} is too low to load a script", settings.instruction_limit);
        add("instruction_limit", "limit-too-low", Severity::Error, message, "0 is no limit");
    }
    for (name, _) in &checked.values.entries {
        let Ok(Key::String(name)) = name else { continue };
        let name = String::from_utf8_lossy(name);
        if OVERRIDDEN.contains(&&*name) {
            let message = format!("{name} set here has no effect: Hindsight sets it after this text");
            let help = "a plugin's Logger is its name; Hostname, Pid, log_level and paths are the host's";
            add(&name, "cfg-overridden", Severity::Warning, message, help);
        } else if OTHER_TYPES.contains(&&*name) {
            let message = format!("{name} has no effect on an analysis plugin");
            add(
                &name,
                "cfg-wrong-plugin-type",
                Severity::Warning,
                message,
                "it is a setting of output plugins",
            );
        } else if !KNOWN.contains(&&*name) && !read.iter().any(|it| *it == name) {
            let Some(near) = nearest(&name) else { continue };
            let message = format!("unknown key {name}: is {near} meant?");
            let help = "production accepts any key: one that is misspelled just has no effect";
            add(&name, "cfg-misspelled-key", Severity::Note, message, help);
        }
    }
}

/// The known key that `name` looks like.
fn nearest(name: &str) -> Option<&'static str> {
    let plain = |it: &str| it.to_ascii_lowercase().replace(['_', '-'], "");
    let found = KNOWN.iter().map(|it| (distance(&plain(name), &plain(it)), *it)).min()?;
    let allowed = if found.1.len() < 8 { 1 } else { 2 };
    (found.0 <= allowed).then_some(found.1)
}

/// Edits that make one of the other: insertions, deletions, replacements, swaps of neighbours.
fn distance(a: &str, b: &str) -> usize {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    let mut rows = vec![(0..=b.len()).collect::<Vec<usize>>()];
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let replaced = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = replaced.min(rows[i - 1][j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            row.push(best);
        }
        rows.push(row);
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn misspellings_are_near() {
        assert_eq!(nearest("memorylimit"), Some("memory_limit"));
        assert_eq!(nearest("ticker_intreval"), Some("ticker_interval"));
        assert_eq!(nearest("Filename"), Some("filename"));
        assert_eq!(nearest("tread"), Some("thread"));
        assert_eq!(nearest("limit"), None);
        assert_eq!(nearest("window"), None);
    }
}
