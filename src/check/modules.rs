//! Where `require` would find a module: the search of `sandbox::require`, without loading anything.

use std::path::{Path, PathBuf};

use crate::modules::BUILTIN;

/// Libraries an analysis sandbox gives without any file.
pub(super) const STANDARD: &[&str] = &["math", "os", "string", "table"];
/// Libraries it refuses.
const DISABLED: &[&str] = &["coroutine", "io"];

/// What `require` would do.
pub(super) enum Found {
    /// A standard library.
    Standard,
    /// A Lua module.
    File(PathBuf),
    /// A module built into cepshim, where production has a shared library.
    Native,
    /// Refused whatever the paths are; production's words.
    Disabled(String),
    /// Not there; production's words, which list the places.
    Missing(String),
}

/// Looks for `name` as `require` would.
pub(super) fn find(name: &str, path: Option<&str>, cpath: Option<&str>) -> Found {
    if DISABLED.contains(&name) {
        return Found::Disabled(format!("module '{name}' disabled"));
    }
    if STANDARD.contains(&name) || name.is_empty() {
        return Found::Standard;
    }
    if !name.bytes().all(|it| it.is_ascii_alphanumeric() || matches!(it, b'_' | b'.')) {
        return Found::Missing(format!("invalid module name '{name}'"));
    }
    let mut tried = String::new();
    let Some(path) = path else { return Found::Missing(no_path("path")) };
    if let Some(file) = search(name, path, &mut tried) {
        return Found::File(file);
    }
    let Some(cpath) = cpath else { return Found::Missing(no_path("cpath")) };
    let has_io_modules = cpath.contains("io_modules");
    if BUILTIN.iter().any(|it| it.name == name && (!it.io_only || has_io_modules)) {
        return Found::Native;
    }
    // The second search is production's all-in-one searcher: the root of a dotted name.
    for file in [Some(name), name.split_once('.').map(|it| it.0)].into_iter().flatten() {
        if let Some(file) = search(file, cpath, &mut tried) {
            let file = file.display();
            return Found::Missing(format!(
                "native Lua modules are not loaded, and cepshim has no module of its own for '{file}'"
            ));
        }
    }
    Found::Missing(format!("module '{name}' not found:{tried}"))
}

fn no_path(kind: &str) -> String {
    format!("no '{kind}' configuration was specified for the sandbox; external modules have been disabled")
}

fn search(name: &str, templates: &str, tried: &mut String) -> Option<PathBuf> {
    let name = name.replace('.', "/");
    for template in templates.split(';').filter(|it| !it.is_empty()) {
        let file = template.replace('?', &name);
        if Path::new(&file).is_file() {
            return Some(PathBuf::from(file));
        }
        tried.push_str("\n\tno file '");
        tried.push_str(&file);
        tried.push('\'');
    }
    None
}
