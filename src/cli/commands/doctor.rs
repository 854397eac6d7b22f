//! `cepshim doctor`

use std::{fmt::Write as _, path::Path};

use clap::Args;

use crate::{
    cli::{exit::Status, ui::Ui},
    modules,
    project::Project,
    vm::{DEFAULT_C_STEPS, Meter, Vm, VmOptions},
};

/// Look at this machine and project and say what is amiss
#[derive(Debug, Args)]
pub struct DoctorArgs {}

/// One thing looked at.
struct Finding {
    what: &'static str,
    is_good: bool,
    text: String,
}

/// Says what was looked at and how it is.
pub fn run(_: &DoctorArgs, ui: &Ui) -> Status {
    let findings = [
        version(),
        machine(),
        vm(4 << 30, "arena of 4 GiB"),
        vm(40 << 20, "arena of 40 MiB"),
        native_modules(),
        project(),
    ];
    let mut status = Status::Ok;
    let mut lines = String::new();
    for finding in findings {
        let mark = if finding.is_good { "ok  " } else { "BAD " };
        // Writing to a String does not fail.
        let _ = writeln!(lines, "{mark} {:16} {}", finding.what, finding.text);
        if !finding.is_good {
            status = status.first(Status::Differences);
        }
    }
    // A closed pipe is nobody's problem.
    let _ = std::io::Write::write_all(&mut std::io::stdout(), lines.as_bytes());
    ui.say(if status == Status::Ok { "nothing is amiss" } else { "something is amiss" });
    status
}

fn version() -> Finding {
    Finding {
        what: "version",
        is_good: true,
        text: format!("cepshim {}, PUC Lua 5.1.5", env!("CARGO_PKG_VERSION")),
    }
}

fn machine() -> Finding {
    let is_good = cfg!(all(target_pointer_width = "64", any(target_os = "linux", target_os = "macos")));
    let text = format!("{} on {}", std::env::consts::OS, std::env::consts::ARCH);
    Finding { what: "machine", is_good, text }
}

/// Creates a VM and runs a line in it: address space, the vendored Lua, the layout self-test.
fn vm(limit: usize, what: &'static str) -> Finding {
    let options = VmOptions { memory_limit: limit / 4, first_slot: 0 };
    match Vm::new(options, Meter::new(1000, DEFAULT_C_STEPS, 1)) {
        Ok(mut vm) => {
            vm.arm();
            let ran = vm.load_script(b"x = 1 + 1", c"=doctor").and_then(|()| vm.call(0, 0)).is_ok();
            let text = format!("{} bytes used by an empty state", vm.memory_used());
            Finding { what, is_good: ran, text }
        }
        Err(error) => Finding { what, is_good: false, text: error.to_string() },
    }
}

fn native_modules() -> Finding {
    let names: Vec<&str> = modules::BUILTIN.iter().map(|it| it.name).collect();
    Finding { what: "native modules", is_good: true, text: names.join(" ") }
}

fn project() -> Finding {
    let (is_good, text) = match Project::find(Path::new(".")) {
        Ok(Some(project)) => (true, project.path.display().to_string()),
        Ok(None) => (true, "no cepshim.toml here or above: defaults hold".to_owned()),
        Err(error) => (false, error.to_string()),
    };
    Finding { what: "project", is_good, text }
}
