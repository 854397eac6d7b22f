//! One filter: its configuration, its matcher, its script.

use std::{fs, path::Path};

use super::{
    cfg, expression,
    expression::Expression,
    finding::{Finding, Severity, Source},
    script,
};
use crate::pipeline::{HostConfig, hindsight_config::PluginConfig};

/// What a filter is checked against.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Defaults of analysis plugins, paths of Lua modules, the install path.
    pub host: HostConfig,
}

/// Checks a plugin's `.cfg` with its script, or a bare `.lua`. Nothing of the script is run.
///
/// The findings about the configuration come first, then those about the script and its modules, each in order of
/// place.
pub fn check(path: &Path, options: &Options) -> Vec<Finding> {
    let mut findings = Vec::new();
    let defaults = &options.host.analysis_defaults;
    let Some(text) = read(path, &mut findings) else { return findings };
    let source = Source { path, text: &text };
    if path.extension().is_some_and(|it| it == "lua") {
        let config = PluginConfig::bare("", defaults);
        let about = script::About { config: &config, cfg: None, host: &options.host };
        script::check(&source, &about, &mut findings);
        return in_order(findings, path);
    }
    let Some(checked) = cfg::load(&source, defaults, &mut findings) else { return findings };
    let matcher = &checked.config.message_matcher;
    let key = checked.key("message_matcher");
    expression::check(&Expression { source: &source, text: matcher, key }, &mut findings);
    let file = &checked.config.filename;
    let beside = path.with_file_name(file);
    let installed = Path::new(&options.host.install_path).join("analysis").join(file);
    let mut read_keys = Vec::new();
    match [&beside, &installed].into_iter().find(|it| it.is_file()) {
        None => {
            let message = format!("failed to find the specified lua filename: {file}");
            let span = checked.key("filename").unwrap_or(0..0);
            let found = source.at(span, "script-missing", Severity::Error, message);
            let help = format!("looked for {} and {}", beside.display(), installed.display());
            findings.push(found.with_help(help));
        }
        Some(script_path) => {
            if let Some(text) = read(script_path, &mut findings) {
                let script = Source { path: script_path, text: &text };
                let about = script::About {
                    config: &checked.config,
                    cfg: Some((&source, &checked)),
                    host: &options.host,
                };
                read_keys = script::check(&script, &about, &mut findings);
            }
        }
    }
    cfg::check(&source, &checked, &read_keys, &mut findings);
    in_order(findings, path)
}

fn read(path: &Path, findings: &mut Vec<Finding>) -> Option<Vec<u8>> {
    match fs::read(path) {
        Ok(text) => Some(text),
        Err(error) => {
            let source = Source { path, text: b"" };
            findings.push(source.whole(
                "file-unreadable",
                Severity::Error,
                format!("cannot be read: {error}"),
            ));
            None
        }
    }
}

fn in_order(mut findings: Vec<Finding>, first: &Path) -> Vec<Finding> {
    findings.sort_by(|a, b| {
        let key =
            |it: &Finding| (it.file != first, it.file.clone(), it.line, it.column, it.severity, it.rule);
        key(a).cmp(&key(b))
    });
    findings
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::check::{RULES, Severity, render_text};

    const CASES: &str = "tests/data/check";

    fn options(folder: &Path) -> Options {
        let mut options = Options::default();
        options.host.install_path = "/nowhere".to_owned();
        options.host.analysis_lua_path = Some(format!("{}/modules/?.lua", folder.display()));
        options.host.analysis_lua_cpath = Some(format!("{}/modules/?.so", folder.display()));
        options
    }

    fn folders() -> Vec<std::path::PathBuf> {
        let entries = fs::read_dir(CASES).expect("cases");
        let mut res: Vec<_> = entries.map(|it| it.expect("entry").path()).collect();
        res.sort();
        res
    }

    /// A folder's `plugin.cfg`, or its `plugin.lua` alone; `UPDATE_EXPECTED=1` writes what is found.
    #[test]
    fn every_case_has_its_findings() {
        let mut problems = Vec::new();
        for folder in folders() {
            let script = folder.join("plugin.lua");
            let cfg = folder.join("plugin.cfg");
            let path = if script.is_file() && !cfg.is_file() { script } else { cfg };
            let found = render_text(&check(&path, &options(&folder)), false);
            let found = found.replace(&format!("{}/", folder.display()), "");
            let expected = folder.join("expected.txt");
            if std::env::var_os("UPDATE_EXPECTED").is_some() {
                fs::write(&expected, &found).expect("written");
            }
            let expected = fs::read_to_string(&expected).unwrap_or_default();
            if found != expected {
                problems.push(format!("{}\n-- expected\n{expected}-- found\n{found}", folder.display()));
            }
        }
        assert!(problems.is_empty(), "\n{}", problems.join("\n"));
    }

    #[test]
    fn every_rule_has_a_case_and_a_section() {
        let mut covered = BTreeSet::new();
        for folder in folders() {
            let text = fs::read_to_string(folder.join("expected.txt")).expect("expected.txt");
            covered.extend(RULES.iter().filter(|it| text.contains(&format!(" [{it}]\n"))));
        }
        let manual = fs::read_to_string("docs/check.md").expect("docs/check.md");
        let sections: Vec<&str> = manual.lines().filter_map(|it| it.strip_prefix("### ")).collect();
        assert_eq!(covered.into_iter().copied().collect::<Vec<&str>>(), RULES);
        assert_eq!(sections, RULES);
    }

    #[test]
    fn recorded_filters_have_no_surprising_errors() {
        // Scripts that ran in production, most of them to the end.
        let mut seen = 0;
        let mut problems = Vec::new();
        for area in ["inject_payload", "read_message", "timer_event"] {
            for entry in fs::read_dir(Path::new("tests/data/conformance").join(area)).expect("cases") {
                let folder = entry.expect("entry").path();
                seen += 1;
                let found = check(&folder.join("plugin.cfg"), &options(&folder));
                let is_lost = |it: &&Finding| {
                    it.severity == Severity::Error && matches!(it.rule, "lua-syntax" | "lua-unknown-global")
                };
                let lost: Vec<Finding> = found.iter().filter(is_lost).cloned().collect();
                problems.push(render_text(&lost, false));
            }
        }
        assert!(seen > 10, "{seen}");
        assert_eq!(problems.concat(), "");
    }

    #[test]
    fn the_maintained_filters_have_no_errors() {
        let mut options = Options::default();
        options.host.analysis_lua_path = Some("filters/modules/?.lua".to_owned());
        options.host.analysis_lua_cpath = Some("filters/modules/?.so".to_owned());
        let mut seen = 0;
        let mut errors = Vec::new();
        for entry in fs::read_dir("filters/analysis").expect("filters") {
            let path = entry.expect("entry").path();
            if path.extension().is_some_and(|it| it == "cfg") {
                seen += 1;
                errors.extend(check(&path, &options).into_iter().filter(|it| it.severity == Severity::Error));
            }
        }
        assert!(seen > 0);
        assert_eq!(render_text(&errors, false), "");
    }
}
