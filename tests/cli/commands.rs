//! Help, completions, the manual page, doctor, usage errors.

use std::{fmt::Write as _, process::Command};

use crate::scratch::{Scratch, matches};

/// Every page of help, as one text, in the order the help lists them.
#[test]
fn the_help_tree() {
    fn pages(scratch: &Scratch, path: &[&str], tree: &mut String) {
        let help: Vec<&str> = path.iter().copied().chain(["--help"]).collect();
        let run = scratch.run(&help).ends(0);
        assert!(run.stderr.is_empty(), "{run}");
        let text = run.out();
        let _ = writeln!(tree, "$ cepshim {}\n{text}", help.join(" "));
        let commands =
            text.lines().skip_while(|it| *it != "Commands:").skip(1).take_while(|it| !it.is_empty());
        for line in commands.filter(|it| it.starts_with("  ") && !it.starts_with("   ")) {
            let name = line.split_whitespace().next().expect("a name");
            if name != "help" {
                pages(scratch, &[path, &[name]].concat(), tree);
            }
        }
    }
    let mut tree = String::new();
    pages(&Scratch::new(), &[], &mut tree);
    matches("help", &tree);
}

#[test]
fn wrong_arguments_end_with_2() {
    let scratch = Scratch::with(&["basic.hpb"]);
    scratch.filter("count", crate::scratch::COUNT, "message_matcher = 'TRUE'");
    for arguments in [
        &[][..],
        &["reply"],
        &["replay"],
        &["replay", "count.cfg", "basic.hpb", "--nosuch"],
        &["replay", "count.cfg", "basic.hpb", "--since", "yesterday"],
        &["replay", "count.cfg", "basic.hpb", "--max-message-size", "64X"],
        &["replay", "count.cfg", "basic.hpb", "--log-level", "8"],
        &["replay", "count.cfg", "basic.hpb", "--output", "x.hpb", "--format", "json"],
        &["replay", "basic.hpb", "basic.hpb", "--report", "report.json"],
        &["cat"],
        &["cat", "basic.hpb", "--type", "x"],
        &["cat", "basic.hpb", "--force"],
        &["completions", "cmd"],
    ] {
        let run = scratch.run(arguments).ends(2);
        assert!(run.stdout.is_empty() && !run.stderr.is_empty(), "{run}");
    }
    assert_eq!(scratch.files(), ["basic.hpb", "count.cfg", "count.lua"], "nothing is written");
}

#[test]
fn completions_are_scripts() {
    let scratch = Scratch::new();
    for (shell, expected, check) in [
        ("bash", "complete -F _cepshim", Some(("bash", "-n"))),
        ("zsh", "#compdef cepshim", Some(("zsh", "-n"))),
        ("fish", "complete -c cepshim", Some(("fish", "--no-execute"))),
    ] {
        let run = scratch.run(&["completions", shell]).ends(0);
        let script = run.out();
        assert!(script.contains(expected), "{shell}: {script}");
        assert!(script.contains("replay") && script.contains("max-message-size"), "{shell}");
        scratch.write("script", &script);
        let Some((program, flag)) = check else { continue };
        // Shells that are not installed have nothing to say about it.
        if let Ok(checked) = Command::new(program).arg(flag).arg(scratch.path("script")).output() {
            assert!(checked.status.success(), "{shell}: {}", String::from_utf8_lossy(&checked.stderr));
        }
    }
}

#[test]
fn the_manual_is_a_page() {
    let scratch = Scratch::new();
    let page = scratch.run(&["man"]).ends(0).out();
    assert!(page.starts_with(".ie") || page.starts_with(".TH"), "{page}");
    assert!(page.contains(".SH NAME") && page.contains("cepshim\\-replay"), "{page}");
    scratch.run(&["man", "--dir", "pages"]).ends(0);
    for name in ["cepshim.1", "cepshim-replay.1", "cepshim-cat.1", "cepshim-check.1"] {
        let page = String::from_utf8(scratch.read(&format!("pages/{name}"))).expect("text");
        assert!(page.contains(".SH SYNOPSIS"), "{name}");
    }
    scratch.write("file", "");
    scratch.run(&["man", "--dir", "file"]).ends(7);
}

#[test]
fn doctor_finds_nothing_amiss() {
    let run = Scratch::new().run(&["doctor"]).ends(0);
    assert!(run.out().lines().all(|it| it.starts_with("ok ")), "{run}");
    assert!(run.out().contains("Lua 5.1.5") && run.out().contains("circular_buffer"), "{run}");
    assert_eq!(run.err(), "nothing is amiss\n");
}

#[test]
fn version_and_colour() {
    let scratch = Scratch::new();
    let run = scratch.run(&["--version"]).ends(0);
    assert_eq!(run.out(), format!("cepshim {}\n", env!("CARGO_PKG_VERSION")));
    let has_colour = |arguments: &[&str]| scratch.run(arguments).err().contains("\x1b[");
    assert!(!has_colour(&["cat", "nofile"]), "no terminal, no colour");
    assert!(!has_colour(&["cat", "nofile", "--color", "never"]));
    assert!(has_colour(&["cat", "nofile", "--color", "always"]));
}
