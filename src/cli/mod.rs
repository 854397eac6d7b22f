//! The command line: arguments in, words and exit statuses out.
//!
//! A command's page in `commands/` turns what was typed into what was meant, calls the one tool it is about, and says
//! how it went. Data goes to standard output, words to standard error. Only this module makes words of errors and
//! exit statuses of outcomes.

// Doc comments of arguments are help texts: code style would show as backticks.
#![allow(clippy::doc_markdown)]

mod args;
mod commands;
mod exit;
mod files;
mod ui;

use std::{ffi::OsString, io::Write as _, path::Path, process::ExitCode, thread};

use clap::Parser as _;

pub use args::Cli;
pub use exit::Status;

/// Lua calls host functions and these call Lua: a filter may nest deeper than a usual stack.
const STACK: usize = 64 << 20;

/// Runs the program with the process's arguments.
pub fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    let worker =
        thread::Builder::new().name("main".to_owned()).stack_size(STACK).spawn(move || run(&arguments));
    match worker.map(thread::JoinHandle::join) {
        Ok(Ok(code)) => code,
        Ok(Err(_)) => ExitCode::from(101),
        Err(error) => {
            eprintln!("cepshim: cannot start a thread: {error}");
            ExitCode::from(Status::Io.code())
        }
    }
}

/// The name the program was started under decides whose arguments it takes.
fn run(arguments: &[OsString]) -> ExitCode {
    let name = arguments.first().map(Path::new).and_then(Path::file_name).unwrap_or_default();
    if name == "lsb_heka_cat" {
        return heka_cat(arguments);
    }
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => {
            let status = if error.use_stderr() { Status::Usage } else { Status::Ok };
            // Help and version go to standard output; a closed pipe is nobody's problem.
            let _ = error.print();
            return ExitCode::from(status.code());
        }
    };
    let ui = ui::Ui::new(&cli.global);
    let status = commands::run(&cli, &ui);
    let _ = std::io::stdout().flush();
    ExitCode::from(status.code())
}

/// As production's tool: its arguments, its words, its exit status.
fn heka_cat(arguments: &[OsString]) -> ExitCode {
    let mut stdout = std::io::stdout().lock();
    let streams = crate::view::heka_cat::Streams {
        folder: Path::new(""),
        stdin: Box::new(std::io::stdin()),
        stdout: &mut stdout,
        stderr: Box::new(std::io::stderr()),
        is_stopped: &|| false,
    };
    let code = crate::view::heka_cat::run(arguments, streams);
    ExitCode::from(code as u8)
}
