//! What `require` can find under a configuration: what is built in, and the files its paths lead to.

use std::{
    collections::BTreeSet,
    ffi::OsString,
    fs,
    os::unix::ffi::{OsStrExt as _, OsStringExt as _},
    path::{Path, PathBuf},
};

use walkdir::WalkDir;

use super::modules;
use crate::{
    modules::BUILTIN,
    pipeline::HostConfig,
    sandbox::{
        Kind,
        search::{Advice, Found, NativeModules, Search},
    },
};

/// Folders below a template's are looked at this deep.
const MAX_DEPTH: usize = 8;
/// A path that leads to more files than this is not a path of modules.
const MAX_FILES: usize = 10_000;

/// What kind of thing a module is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sort {
    /// Part of cepshim.
    BuiltIn,
    /// Part of cepshim, for something outside that is not there.
    StandIn,
    /// A file on the Lua path.
    Lua,
    /// A shared library on the path of native modules.
    Native,
}

/// A module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Module {
    /// As `require` takes it.
    pub name: String,
    /// What it is.
    pub sort: Sort,
    /// Production's group of a module of ours: `modules` or `io_modules`.
    pub group: Option<&'static str>,
    /// Its version, where that can be told without running it.
    pub version: Option<String>,
    /// Its file.
    pub file: Option<PathBuf>,
    /// Whether `require` gives it.
    pub is_found: bool,
    /// What stands in the way, or what to set.
    pub note: Option<String>,
}

/// All modules, by sort and name.
pub fn inventory(host: &HostConfig) -> Vec<Module> {
    let search = modules::search(host);
    let mut res: Vec<Module> = BUILTIN
        .iter()
        .map(|module| {
            let found = search.find(module.name.as_bytes());
            let note = match &found {
                Found::Lua(file) => Some(format!("{} is found first", String::from_utf8_lossy(file))),
                _ => search.advice(module.name.as_bytes()).map(|it| match it {
                    // The same for every module of the group: a list says it shorter.
                    Advice::IoModule { .. } => "no template of lua_cpath names io_modules".to_owned(),
                    other => other.to_string(),
                }),
            };
            Module {
                name: module.name.to_owned(),
                sort: match module.kind {
                    Kind::BuiltIn => Sort::BuiltIn,
                    Kind::StandIn => Sort::StandIn,
                },
                group: Some(if module.io_only { "io_modules" } else { "modules" }),
                version: Some(module.version.to_owned()),
                file: None,
                is_found: matches!(found, Found::Native(_)),
                note,
            }
        })
        .collect();
    for name in names(host.analysis_lua_path.as_deref()) {
        if let Found::Lua(file) = search.find(name.as_bytes()) {
            let file = PathBuf::from(OsString::from_vec(file));
            let version = fs::read(&file).ok().and_then(|it| stated_version(&it));
            let (sort, group, note) = (Sort::Lua, None, None);
            res.push(Module { name, sort, group, version, file: Some(file), is_found: true, note });
        }
    }
    // As if every module were to come from a shared library.
    let libraries = Search { modules: &[], native_modules: &NativeModules::Load, ..search };
    for name in names(host.analysis_lua_cpath.as_deref()) {
        if let Found::Library(library) = libraries.find(name.as_bytes())
            && !library.is_root
        {
            let note = match search.find(name.as_bytes()) {
                Found::Native(_) => format!("cepshim's own is used, unless --allow-native-modules={name}"),
                _ => "loaded with --allow-native-modules".to_owned(),
            };
            let (sort, group, version, is_found) = (Sort::Native, None, None, false);
            let file = Some(PathBuf::from(OsString::from_vec(library.file)));
            res.push(Module { name, sort, group, version, file, is_found, note: Some(note) });
        }
    }
    res.sort_by(|a, b| (a.sort, &a.name).cmp(&(b.sort, &b.name)));
    res
}

/// The names of all files that templates could lead to.
fn names(templates: Option<&str>) -> BTreeSet<String> {
    let mut res = BTreeSet::new();
    for template in templates.unwrap_or_default().split(';') {
        let Some((before, after)) = template.split_once('?').filter(|(_, it)| !it.contains('?')) else {
            continue;
        };
        let (folder, stem) = match before.rfind('/') {
            Some(slash) => before.split_at(slash + 1),
            None => ("./", before),
        };
        let files = WalkDir::new(folder).follow_links(true).max_depth(MAX_DEPTH).into_iter();
        for entry in files.filter_map(Result::ok).filter(|it| it.file_type().is_file()).take(MAX_FILES) {
            let file = entry.path().strip_prefix(folder).unwrap_or(Path::new("")).as_os_str().as_bytes();
            let name = file.strip_prefix(stem.as_bytes()).and_then(|it| it.strip_suffix(after.as_bytes()));
            // A dot in a file's name would be a folder's end in the module's.
            let is_name = |it: &&[u8]| {
                !it.is_empty() && it.iter().all(|it| it.is_ascii_alphanumeric() || matches!(it, b'_' | b'/'))
            };
            if let Some(name) = name.filter(is_name) {
                res.insert(String::from_utf8_lossy(name).replace('/', "."));
            }
        }
    }
    res
}

/// The version a Lua module states as a constant: `_VERSION = "1.0"` and the like. Nothing is run to find out.
fn stated_version(source: &[u8]) -> Option<String> {
    let source = String::from_utf8_lossy(source);
    source.lines().find_map(|line| {
        let (left, right) = line.split_once('=')?;
        let name = left.trim().rsplit(['.', ' ']).next()?;
        if !["_VERSION", "VERSION", "version"].contains(&name) {
            return None;
        }
        let right = right.trim_start();
        let quote = right.chars().next().filter(|it| matches!(it, '"' | '\''))?;
        let text = right[1..].split(quote).next()?;
        let is_short =
            !text.is_empty() && text.len() <= 40 && text.chars().all(|it| it.is_ascii_graphic() || it == ' ');
        is_short.then(|| text.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_from_constants() {
        for (source, expected) in [
            ("local M = {}\nM._VERSION = '1.2'\nreturn M", Some("1.2")),
            ("_VERSION = \"util 3\"", Some("util 3")),
            ("local VERSION=\"0.1\" -- the first", Some("0.1")),
            ("version = get()", None),
            ("inversion = '1'", None),
            ("if version == '1' then end", None),
            ("_VERSION = ''", None),
        ] {
            assert_eq!(stated_version(source.as_bytes()).as_deref(), expected, "{source}");
        }
    }

    #[test]
    fn names_follow_templates() {
        let folder = tempfile::tempdir().expect("a folder");
        for file in ["a.lua", "b/c.lua", "b/init.lua", "d.e.lua", "x-y.lua", "libz.so", "text.txt"] {
            let file = folder.path().join(file);
            fs::create_dir_all(file.parent().expect("a parent")).expect("a folder");
            fs::write(file, "").expect("written");
        }
        let folder = folder.path().display();
        for (templates, expected) in [
            (format!("{folder}/?.lua"), vec!["a", "b.c", "b.init"]),
            (format!("{folder}/?/init.lua"), vec!["b"]),
            (format!("{folder}/lib?.so"), vec!["z"]),
            (format!("{folder}/?/?.lua;;{folder}/none.lua;/nowhere/?.lua"), vec![]),
        ] {
            assert_eq!(names(Some(&templates)).into_iter().collect::<Vec<_>>(), expected, "{templates}");
        }
        assert!(names(None).is_empty());
    }
}
