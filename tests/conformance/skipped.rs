//! Which cases wait for what is not part of this repository.

use std::path::{Path, PathBuf};

use super::case::Case;

/// The area whose cases use production's modules written in Lua, which are not part of this repository.
pub const PRODUCTION_AREA: &str = "production_modules";
/// Says where those modules are: a folder that holds `modules` and `io_modules`, or templates of a Lua path.
pub const PRODUCTION_LUA_PATH: &str = "CEPSHIM_PRODUCTION_LUA_PATH";

/// Why the case cannot run here, if it cannot.
pub fn reason(case: &Case) -> Option<String> {
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
