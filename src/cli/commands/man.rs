//! `cepshim man`

use std::path::PathBuf;

use clap::{Args, CommandFactory as _};

use crate::cli::{Cli, Status, ui::Ui};

/// Print the manual page
#[derive(Debug, Args)]
pub struct ManArgs {
    /// Write one page per command into this directory instead
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

/// Writes the page to standard output, or all pages into a directory.
pub fn run(args: &ManArgs, ui: &Ui) -> Status {
    let written = match &args.dir {
        Some(dir) => {
            std::fs::create_dir_all(dir).and_then(|()| clap_mangen::generate_to(Cli::command(), dir))
        }
        None => {
            let mut page = Vec::new();
            clap_mangen::Man::new(Cli::command()).render(&mut page).map(|()| {
                // A closed pipe is nobody's problem.
                let _ = std::io::Write::write_all(&mut std::io::stdout(), &page);
            })
        }
    };
    match written {
        Ok(()) => Status::Ok,
        Err(error) => {
            ui.error(&format!("the manual cannot be written: {error}"));
            Status::Io
        }
    }
}
