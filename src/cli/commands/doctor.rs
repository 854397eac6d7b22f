//! `cepshim doctor`

use std::{fmt::Write as _, path::Path};

use clap::Args;

use super::{
    cat::FormatArg,
    settings::{SettingsArgs, host_config},
};
use crate::{
    check::{self, Module, Sort},
    cli::{exit::Status, ui::Ui},
    modules,
    project::{Flags, Project},
    vm::{DEFAULT_C_STEPS, Meter, Vm, VmOptions},
};

/// Look at this machine and project and say what is amiss
#[derive(Debug, Args)]
pub struct DoctorArgs {
    /// List the modules require can find: built in, stand-ins, and files on lua_path and lua_cpath
    #[arg(long)]
    modules: bool,
    /// How modules are listed: as text, or as one JSON document
    #[arg(long, value_enum, default_value_t = FormatArg::Text, requires = "modules")]
    format: FormatArg,
    #[command(flatten)]
    settings: SettingsArgs,
}

/// One thing looked at.
struct Finding {
    what: &'static str,
    is_good: bool,
    text: String,
}

/// Says what was looked at and how it is.
pub fn run(args: &DoctorArgs, ui: &Ui) -> Status {
    if args.modules {
        return list(args, ui);
    }
    let findings = [
        version(),
        machine(),
        vm(4 << 30, "arena of 4 GiB"),
        vm(40 << 20, "arena of 40 MiB"),
        native_modules(),
        project(),
        paths(&args.settings, ui),
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

/// Where modules are looked for.
fn paths(settings: &SettingsArgs, ui: &Ui) -> Finding {
    let host = settings.resolve(Flags::default()).and_then(|(_, settings)| host_config(&settings, ui));
    let (is_good, text) = match host {
        Ok(host) => {
            let shown = |it: Option<String>| it.unwrap_or_else(|| "not set".to_owned());
            let (path, cpath) = (shown(host.analysis_lua_path), shown(host.analysis_lua_cpath));
            (true, format!("lua_path {path}, lua_cpath {cpath}"))
        }
        Err((_, text)) => (false, text.lines().next().unwrap_or_default().to_owned()),
    };
    Finding { what: "paths", is_good, text }
}

/// Lists the modules.
fn list(args: &DoctorArgs, ui: &Ui) -> Status {
    let host = args.settings.resolve(Flags::default()).and_then(|(_, settings)| host_config(&settings, ui));
    let host = match host {
        Ok(host) => host,
        Err((status, text)) => {
            ui.error(&text);
            return status;
        }
    };
    let modules = check::inventory(&host);
    let text = match args.format {
        FormatArg::Json | FormatArg::Jsonl => modules_json(&modules),
        FormatArg::Text | FormatArg::Hpb => modules_text(&modules),
    };
    // A closed pipe is nobody's problem.
    let _ = std::io::Write::write_all(&mut std::io::stdout(), text.as_bytes());
    Status::Ok
}

fn modules_text(modules: &[Module]) -> String {
    let mut res = String::new();
    let width = modules.iter().map(|it| it.name.len()).max().unwrap_or(0);
    for (sort, heading) in [
        (Sort::BuiltIn, "built in"),
        (Sort::StandIn, "stand-ins: they load and record what is sent"),
        (Sort::Lua, "Lua modules on lua_path"),
        (Sort::Native, "C modules on lua_cpath"),
    ] {
        let mut of_sort = modules.iter().filter(|it| it.sort == sort).peekable();
        if of_sort.peek().is_some() {
            let _ = writeln!(res, "{heading}");
        }
        for module in of_sort {
            let version = module.version.as_deref().unwrap_or("-");
            let place = match (&module.file, module.group) {
                (Some(file), _) => file.display().to_string(),
                (None, group) => group.unwrap_or_default().to_owned(),
            };
            let _ = write!(res, "  {:width$}  {version:8}  {place}", module.name);
            if let Some(note) = &module.note {
                let _ = write!(res, "  ({note})");
            }
            res.push('\n');
        }
    }
    res
}

fn modules_json(modules: &[Module]) -> String {
    let modules: Vec<_> = modules
        .iter()
        .map(|it| {
            serde_json::json!({
                "name": it.name,
                "kind": match it.sort {
                    Sort::BuiltIn => "built_in",
                    Sort::StandIn => "stand_in",
                    Sort::Lua => "lua",
                    Sort::Native => "native",
                },
                "group": it.group,
                "version": it.version,
                "file": it.file.as_ref().map(|it| it.display().to_string()),
                "found": it.is_found,
                "note": it.note,
            })
        })
        .collect();
    format!("{}\n", serde_json::json!({ "version": 1, "modules": modules }))
}
