//! `cepshim check`

use std::path::PathBuf;

use clap::Args;

use super::{
    cat::FormatArg,
    settings::{SettingsArgs, host_config},
};
use crate::{
    check::{self, Options, Severity},
    cli::{exit::Status, ui::Ui},
    project::Flags,
};

/// Validate filters without running them
///
/// Looks at configuration, matcher and script against the sandbox's rules: what production would refuse, what would
/// fail later, and what is easily got wrong. Each rule is explained in docs/check.md. Exit status 1 if there is an
/// error, or a warning with --strict.
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// Plugin configurations or bare scripts
    #[arg(required = true, value_name = "FILTER")]
    filters: Vec<PathBuf>,
    /// As text, or as one JSON document
    #[arg(long, value_enum, default_value_t = FormatArg::Text)]
    format: FormatArg,
    /// Warnings count as errors
    #[arg(long)]
    strict: bool,
    #[command(flatten)]
    settings: SettingsArgs,
}

/// Checks the filters.
pub fn run(args: &CheckArgs, ui: &Ui) -> Status {
    let host = args.settings.resolve(Flags::default()).and_then(|(_, settings)| host_config(&settings, ui));
    let options = match host {
        Ok(host) => Options { host },
        Err((status, text)) => {
            ui.error(&text);
            return status;
        }
    };
    let findings: Vec<_> = args.filters.iter().flat_map(|it| check::check(it, &options)).collect();
    let text = match args.format {
        FormatArg::Json | FormatArg::Jsonl => check::render_json(&findings),
        FormatArg::Text | FormatArg::Hpb => check::render_text(&findings, ui.style.color),
    };
    // A closed pipe is nobody's problem.
    let _ = std::io::Write::write_all(&mut std::io::stdout(), text.as_bytes());
    let counts = [Severity::Error, Severity::Warning, Severity::Note]
        .map(|severity| findings.iter().filter(|it| it.severity == severity).count());
    ui.say(&format!(
        "{} checked: {} errors, {} warnings, {} notes",
        args.filters.len(),
        counts[0],
        counts[1],
        counts[2]
    ));
    if counts[0] > 0 || (args.strict && counts[1] > 0) { Status::Differences } else { Status::Ok }
}
