//! `cepshim completions SHELL`

use clap::{Args, CommandFactory as _};
use clap_complete::Shell;

use crate::cli::{Cli, Status};

/// Print a completion script for a shell
#[derive(Debug, Args)]
pub struct CompletionsArgs {
    /// The shell, for example: cepshim completions bash > /etc/bash_completion.d/cepshim
    #[arg(value_enum)]
    shell: Shell,
}

/// Writes the script to standard output.
pub fn run(args: &CompletionsArgs) -> Status {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "cepshim", &mut script);
    // A closed pipe is nobody's problem.
    let _ = std::io::Write::write_all(&mut std::io::stdout(), &script);
    Status::Ok
}
