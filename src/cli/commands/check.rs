//! `cepshim check`

use std::path::PathBuf;

use clap::Args;

use crate::cli::{exit::Status, ui::Ui};

/// Validate filters without running them
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// Plugin configurations or bare scripts
    #[arg(required = true, value_name = "FILTER")]
    filters: Vec<PathBuf>,
}

/// Checks the filters.
pub fn run(_: &CheckArgs, _: &Ui) -> Status {
    Status::Ok
}
