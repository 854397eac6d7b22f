//! The subcommands, one page each: help, arguments, `run`.

pub mod cat;
pub mod check;
pub mod completions;
pub mod config;
pub mod doctor;
mod inputs;
pub mod man;
pub mod replay;
mod settings;

use super::{
    args::{Cli, Command},
    exit::Status,
    ui::Ui,
};

/// Runs the command that was typed.
pub fn run(cli: &Cli, ui: &Ui) -> Status {
    match &cli.command {
        Command::Replay(args) => replay::run(args, ui),
        Command::Cat(args) => cat::run(args, ui),
        Command::Check(args) => check::run(args, ui),
        Command::Config(command) => config::run(command, ui),
        Command::Doctor(args) => doctor::run(args, ui),
        Command::Completions(args) => completions::run(args),
        Command::Man(args) => man::run(args, ui),
    }
}
