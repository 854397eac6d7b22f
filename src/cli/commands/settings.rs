//! From Hindsight's configuration, the project file and flags to what a run is told.

use std::path::Path;

use crate::{
    archive::{self, Source},
    cli::{exit::Status, ui::Ui},
    pipeline::HostConfig,
};

/// Where Hindsight's packages put modules: what holds where nothing else is said.
const DEFAULT_PATH: &str = "modules/?.lua;/usr/lib/luasandbox/modules/?.lua";
const DEFAULT_CPATH: &str = "modules/?.so;/usr/lib/luasandbox/modules/?.so";

/// Hindsight's configuration, or what stands in for it.
pub fn host_config(path: Option<&Path>, ui: &Ui) -> Result<HostConfig, (Status, String)> {
    let Some(path) = path else { return Ok(HostConfig::default()) };
    let text = std::fs::read(path)
        .map_err(|error| (Status::Configuration, format!("{}: cannot be read: {error}", path.display())))?;
    HostConfig::load(path, &text, &mut |_, text| ui.warning(&text))
        .map_err(|refused| (Status::Configuration, format!("loading {} failed: {refused}", path.display())))
}

/// Module paths: flags before Hindsight's configuration before defaults.
pub fn with_paths(mut host: HostConfig, path: Option<&str>, cpath: Option<&str>) -> HostConfig {
    let pick = |flag: Option<&str>, configured: &Option<String>, default: &str| {
        flag.or(configured.as_deref()).unwrap_or(default).to_owned()
    };
    host.analysis_lua_path = Some(pick(path, &host.analysis_lua_path, DEFAULT_PATH));
    host.analysis_lua_cpath = Some(pick(cpath, &host.analysis_lua_cpath, DEFAULT_CPATH));
    host
}

/// The inputs where none are given: the project's sample sets.
pub fn sample_sources() -> Result<Vec<Source>, String> {
    let samples = Path::new("sample_data");
    if !samples.is_dir() {
        return Err("no input given, and there is no sample_data here: name files, directories or `-`".to_owned());
    }
    archive::resolve(&[samples]).map_err(|it| it.to_string())
}
