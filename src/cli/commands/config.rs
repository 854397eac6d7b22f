//! `cepshim config show`

use std::fmt::Write as _;

use clap::{Args, Subcommand};

use super::{cat::FormatArg, settings::SettingsArgs};
use crate::{
    cli::{exit::Status, ui::Ui},
    project::Flags,
};

/// Show where settings come from
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Every setting, its value and where that comes from
    Show(ShowArgs),
}

/// Every setting, its value and where that comes from
#[derive(Debug, Args)]
pub struct ShowArgs {
    /// As a table, or as JSON
    #[arg(long, value_enum, default_value_t = FormatArg::Text)]
    format: FormatArg,
    #[command(flatten)]
    settings: SettingsArgs,
}

/// Shows the settings.
pub fn run(command: &ConfigCommand, ui: &Ui) -> Status {
    let ConfigCommand::Show(args) = command;
    let (project, settings) = match args.settings.resolve(Flags::default()) {
        Ok(resolved) => resolved,
        Err((status, text)) => {
            ui.error(&text);
            return status;
        }
    };
    let rows = settings.rows();
    let text = match args.format {
        FormatArg::Json | FormatArg::Jsonl => {
            let rows: Vec<_> = rows
                .iter()
                .map(|(name, value, origin)| serde_json::json!({ "name": name, "value": value, "origin": origin }))
                .collect();
            format!("{}\n", serde_json::Value::from(rows))
        }
        FormatArg::Text | FormatArg::Hpb => {
            let mut text = match &project {
                Some(project) => format!("project file: {}\n", project.path.display()),
                None => "project file: none here or above\n".to_owned(),
            };
            let width = rows.iter().map(|(name, ..)| name.len()).max().unwrap_or(0);
            let values = rows.iter().map(|(_, value, _)| value.chars().count()).max().unwrap_or(0).min(40);
            for (name, value, origin) in &rows {
                // Writing to a String does not fail.
                let _ = writeln!(text, "{name:width$}  {value:values$}  {origin}");
            }
            text
        }
    };
    // A closed pipe is nobody's problem.
    let _ = std::io::Write::write_all(&mut std::io::stdout(), text.as_bytes());
    Status::Ok
}
