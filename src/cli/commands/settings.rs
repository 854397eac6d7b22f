//! From the project file, the environment, flags and Hindsight's configuration to what a run is told.

use std::path::{Path, PathBuf};

use clap::Args;

use crate::{
    archive::{self, Source},
    cli::{exit::Status, ui::Ui},
    pipeline::HostConfig,
    project::{Flags, LogLevel, Manifest, Project, ProjectError, Settings, Templates},
};

/// Where Hindsight's packages put modules: what holds where nothing else is said.
const DEFAULT_PATH: &str = "modules/?.lua;/usr/lib/luasandbox/modules/?.lua";
const DEFAULT_CPATH: &str = "modules/?.so;/usr/lib/luasandbox/modules/?.so";

/// Where settings come from
#[derive(Debug, Default, Args)]
pub struct SettingsArgs {
    /// Use this profile of cepshim.toml
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,
    /// Take paths, limits and defaults from this Hindsight configuration
    #[arg(long, value_name = "FILE")]
    hindsight_cfg: Option<PathBuf>,
    /// Where Lua modules are found: templates such as /modules/?.lua, separated by semicolons
    #[arg(long, value_name = "TEMPLATES")]
    lua_path: Option<String>,
    /// Where production finds native modules; those built in answer if this is set
    #[arg(long, value_name = "TEMPLATES")]
    lua_cpath: Option<String>,
}

/// Why settings cannot be decided: the status and the words.
pub type Refused = (Status, String);

fn refused(error: &ProjectError) -> Refused {
    let mut text = error.to_string();
    if let Some(excerpt) = error.excerpt() {
        text.push('\n');
        text.push_str(excerpt);
    }
    (Status::Configuration, text)
}

impl SettingsArgs {
    /// Decides every setting: flags before environment before profile before project file before defaults.
    pub fn resolve(&self, more: Flags) -> Result<(Option<Project>, Settings), Refused> {
        let project = Project::find(Path::new(".")).map_err(|it| refused(&it))?;
        let flags = Flags {
            hindsight_cfg: self.hindsight_cfg.clone(),
            lua_path: self.lua_path.clone().map(Templates),
            lua_cpath: self.lua_cpath.clone().map(Templates),
            ..more
        };
        let environment = |name: &str| std::env::var_os(name);
        let settings = Settings::resolve(project.as_ref(), self.profile.as_deref(), &environment, &flags)
            .map_err(|it| refused(&it))?;
        Ok((project, settings))
    }
}

/// Hindsight's configuration or what stands in for it, with the settings applied.
pub fn host_config(settings: &Settings, ui: &Ui) -> Result<HostConfig, Refused> {
    let mut host = match &settings.hindsight_cfg.value {
        None => HostConfig::default(),
        Some(path) => {
            let failed =
                |text: String| (Status::Configuration, format!("loading {} failed: {text}", path.display()));
            let text = std::fs::read(path).map_err(|error| failed(error.to_string()))?;
            HostConfig::load(path, &text, &mut |_, text| ui.warning(&text))
                .map_err(|refused| failed(refused.to_string()))?
        }
    };
    let pick = |set: &Option<Templates>, configured: &Option<String>, default: &str| {
        let set = set.as_ref().map(|it| it.0.clone());
        Some(set.or_else(|| configured.clone()).unwrap_or_else(|| default.to_owned()))
    };
    host.analysis_lua_path = pick(&settings.lua_path.value, &host.analysis_lua_path, DEFAULT_PATH);
    host.analysis_lua_cpath = pick(&settings.lua_cpath.value, &host.analysis_lua_cpath, DEFAULT_CPATH);
    let defaults = &mut host.analysis_defaults;
    for (setting, to) in [
        (settings.memory_limit.value, &mut defaults.memory_limit),
        (settings.output_limit.value, &mut defaults.output_limit),
        (settings.instruction_limit.value, &mut defaults.instruction_limit),
        (settings.ticker_interval.value, &mut defaults.ticker_interval),
        (settings.max_message_size.value, &mut host.max_message_size),
    ] {
        if let Some(value) = setting {
            *to = value;
        }
    }
    Ok(host)
}

/// The inputs where none are given: the sets of the sample manifest, in order of first Timestamp.
pub fn sample_sources(settings: &Settings) -> Result<Vec<Source>, Refused> {
    let manifest = settings.samples.value.join("manifest.toml");
    if !manifest.is_file() {
        let text = format!(
            "no input given, and there is no {}: name files, directories, patterns or `-`",
            manifest.display()
        );
        return Err((Status::Usage, text));
    }
    let manifest = Manifest::load(&manifest).map_err(|it| refused(&it))?;
    archive::resolve(&manifest.files()).map_err(|it| (Status::Io, it.to_string()))
}

/// The log level a flag or `-v` asks for.
pub fn log_level(flag: Option<u8>, ui: &Ui) -> Option<LogLevel> {
    flag.or((ui.verbose > 0).then_some(7)).map(LogLevel)
}
