//! The one list of cases that cannot run yet, by the native module they wait for.

use super::case::Case;

/// Native modules that are not built in yet. A case of an area of that name waits for its module.
const PENDING_MODULES: &[&str] = &[
    "bit",
    "bloom_filter",
    "cuckoo_filter",
    "hyperloglog",
    "lpeg",
    "rjson",
    "sax",
    "struct",
    "xxhash",
    "zlib",
];

/// Names a folder that holds production's `modules` and `io_modules`. They are not part of this repository.
pub const PRODUCTION_MODULES: &str = "CEPSHIM_PRODUCTION_MODULES";

/// Why the case cannot run, if it cannot.
pub fn reason(case: &Case) -> Option<String> {
    let script = std::fs::read_to_string(case.directory.join("plugin.lua")).unwrap_or_default();
    if let Some(module) = PENDING_MODULES.iter().find(|it| requires(&script, it) || case.area == **it) {
        return Some(format!("the module {module} is not built in yet"));
    }
    if case.needs_lua_path && std::env::var_os(PRODUCTION_MODULES).is_none() {
        return Some(format!("needs production's Lua modules ({PRODUCTION_MODULES} names their folder)"));
    }
    None
}

fn requires(script: &str, module: &str) -> bool {
    [format!("require \"{module}\""), format!("require(\"{module}\")"), format!("require '{module}'")]
        .iter()
        .any(|it| script.contains(it))
}
