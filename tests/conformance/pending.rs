//! The one list of cases that cannot run yet, by the native module they wait for.

use std::path::{Path, PathBuf};

use super::case::Case;

/// Native modules that are not built in yet. A case of an area of that name waits for its module.
#[rustfmt::skip]
const PENDING_MODULES: &[&str] = &[
];

/// The area whose cases use production's modules written in Lua, which are not part of this repository.
pub const PRODUCTION_AREA: &str = "production_modules";
/// Says where those modules are: a folder that holds `modules` and `io_modules`, or templates of a Lua path.
pub const PRODUCTION_LUA_PATH: &str = "CEPSHIM_PRODUCTION_LUA_PATH";

/// Why the case cannot run, if it cannot.
pub fn reason(case: &Case) -> Option<String> {
    let script = std::fs::read_to_string(case.directory.join("plugin.lua")).unwrap_or_default();
    if let Some(module) = PENDING_MODULES.iter().find(|it| requires(&script, it) || case.area == **it) {
        return Some(format!("the module {module} is not built in yet"));
    }
    if case.name == "production_modules/iputils" && PENDING_MODULES.contains(&"bit") {
        return Some("the module bit is not built in yet".to_owned());
    }
    if case.area == PRODUCTION_AREA && production_folders().is_empty() {
        return Some(format!("needs production's Lua modules ({PRODUCTION_LUA_PATH} says where they are)"));
    }
    None
}

/// Production's folders by the names they have there, as far as the environment says where they are.
pub fn production_folders() -> Vec<(&'static str, PathBuf)> {
    let Some(value) = std::env::var(PRODUCTION_LUA_PATH).ok().filter(|it| !it.is_empty()) else {
        return Vec::new();
    };
    let names = ["modules", "io_modules"];
    if !value.contains('?') {
        return names.map(|it| (it, Path::new(&value).join(it))).to_vec();
    }
    let folders: Vec<&str> = value.split(';').filter_map(|it| it.strip_suffix("/?.lua")).collect();
    let of_name = |name: &'static str| {
        let folder = folders.iter().find(|it| Path::new(it).ends_with(name))?;
        Some((name, PathBuf::from(folder)))
    };
    names.into_iter().filter_map(of_name).collect()
}

fn requires(script: &str, module: &str) -> bool {
    [format!("require \"{module}\""), format!("require(\"{module}\")"), format!("require '{module}'")]
        .iter()
        .any(|it| script.contains(it))
}
