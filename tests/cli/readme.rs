//! Every example of the manual is run.
//!
//! A ```` ```console ```` block holds lines that begin with `$ `: commands. The line under a command that begins with
//! `# exit status` says how it ends when that is not 0. Output under a command is shown for the reader and not compared,
//! but its first line must be among what the command prints, unless it is `...`.

use std::{path::Path, process::Command};

use crate::scratch::{Scratch, program, repository};

/// A command of a page.
#[derive(Debug, Default)]
struct Example {
    line: usize,
    command: String,
    status: i32,
    first_output: Option<String>,
}

fn examples(text: &str) -> Vec<Example> {
    let mut res: Vec<Example> = Vec::new();
    let mut is_console = false;
    for (i, line) in text.lines().enumerate() {
        if let Some(fence) = line.strip_prefix("```") {
            is_console = !is_console && fence == "console";
            continue;
        }
        if !is_console {
            continue;
        }
        if let Some(command) = line.strip_prefix("$ ") {
            res.push(Example { line: i + 1, command: command.to_owned(), ..Example::default() });
            continue;
        }
        let Some(example) = res.last_mut() else { panic!("line {}: output without a command", i + 1) };
        if example.command.ends_with('\\') {
            example.command.pop();
            example.command.push_str(line.trim_start());
        } else if let Some(status) = line.strip_prefix("# exit status ") {
            example.status =
                status.split_whitespace().next().and_then(|it| it.parse().ok()).expect("a number");
        } else if example.first_output.is_none() && line != "..." {
            example.first_output = Some(line.to_owned());
        }
    }
    res
}

/// Runs a page's examples in one folder that looks like the repository.
fn run_all(page: &str) {
    let text = std::fs::read_to_string(repository().join(page)).expect("a page");
    let examples = examples(&text);
    assert!(!examples.is_empty(), "{page} has no examples");
    let scratch = Scratch::new();
    for name in ["filters", "sample_data", "cepshim.toml"] {
        if repository().join(name).exists() {
            std::os::unix::fs::symlink(repository().join(name), scratch.path(name)).expect("linked");
        }
    }
    for example in examples {
        // What builds is tested by the test being there; the program is the one that was built with it.
        if example.command == "cargo test" || example.command.starts_with("cargo install") {
            continue;
        }
        let command = example.command.replace("cargo run --release -- ", "cepshim ");
        let output = shell(&command, &scratch.path("")).output().expect("a shell");
        let shown = [&output.stdout[..], &output.stderr].concat();
        let shown = String::from_utf8_lossy(&shown);
        let place = format!("{page}:{}: $ {}", example.line, example.command);
        assert_eq!(output.status.code(), Some(example.status), "{place}\n{shown}");
        if let Some(first) = example.first_output {
            assert!(shown.lines().any(|it| it == first), "{place}\nshould print: {first}\n{shown}");
        }
    }
}

/// `bash`, where `cepshim` is the program under test.
fn shell(command: &str, folder: &Path) -> Command {
    let like = program(folder);
    let binary = Path::new(like.get_program());
    let path = std::env::var("PATH").unwrap_or_default();
    let mut shell = Command::new("bash");
    shell.current_dir(folder).args(["-o", "pipefail", "-c", command]);
    for (name, value) in like.get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    shell.env("PATH", format!("{}:{path}", binary.parent().expect("a folder").display()));
    shell
}

#[test]
fn readme() {
    run_all("README.md");
}

#[test]
fn replay() {
    run_all("docs/replay.md");
}
