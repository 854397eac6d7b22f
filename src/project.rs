//! `cepshim.toml` and `sample_data/manifest.toml`: what is where, and where each value comes from.
//!
//! Flags beat the environment, which beats the chosen profile, which beats the project file, which beats defaults. A
//! [`Setting`] remembers which of them won, so that `cepshim config show` can say it. Reading the environment is left
//! to the caller: this module is handed a function that looks variables up.
//!
//! Settings are one list, at the macro below: the file, its profiles, the environment, the flags and `config show` all
//! come from it, so that a setting cannot exist in one of them only.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    fmt, fs, io,
    path::{Component, Path, PathBuf},
};

use serde::Deserialize;
use toml::Spanned;

/// The project file's name.
pub const PROJECT_FILE: &str = "cepshim.toml";
/// The manifest's name in the folder of samples.
pub const MANIFEST_FILE: &str = "manifest.toml";
/// The variable that chooses a profile.
pub const PROFILE_VARIABLE: &str = "CEPSHIM_PROFILE";

/// Why a project file, a manifest or a setting is no good.
#[derive(Debug, thiserror::Error)]
pub enum ProjectError {
    /// The file cannot be read.
    #[error("failed to read {}: {error}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's words.
        error: io::Error,
    },
    /// The file does not say what it should.
    #[error("{}:{line}:{column}: {message}", .path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// Line from 1.
        line: usize,
        /// Column in characters, from 1.
        column: usize,
        /// The key, and what was found and expected.
        message: String,
        /// The line of the file and `^` under the place.
        excerpt: String,
    },
    /// No profile of that name.
    #[error("no profile `{name}` in {}{}", .path.display(), list_of(.known))]
    UnknownProfile {
        /// The name asked for.
        name: String,
        /// The project file.
        path: PathBuf,
        /// The profiles there are.
        known: Vec<String>,
    },
    /// A profile is asked for and there is no project file.
    #[error("no profile `{0}`: there is no cepshim.toml here or above")]
    NoProject(String),
    /// A variable of the environment has a value of another type.
    #[error("environment variable {name}: expected {expected}, found `{value}`")]
    Environment {
        /// The variable.
        name: &'static str,
        /// What it should be.
        expected: &'static str,
        /// What it is.
        value: String,
    },
}

fn list_of(known: &[String]) -> String {
    if known.is_empty() { ": it has none".to_owned() } else { format!(": it has {}", known.join(", ")) }
}

impl ProjectError {
    /// The line of the file that is wrong, and `^` under the place, where there is one.
    pub fn excerpt(&self) -> Option<&str> {
        match self {
            ProjectError::Invalid { excerpt, .. } => Some(excerpt),
            _ => None,
        }
    }
}

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Nobody said otherwise.
    Default,
    /// The project file.
    Project {
        /// The file.
        path: PathBuf,
        /// Line of the value, from 1.
        line: usize,
    },
    /// A profile of the project file.
    Profile {
        /// Its name.
        name: String,
        /// The file.
        path: PathBuf,
        /// Line of the value, from 1.
        line: usize,
    },
    /// An environment variable, by name.
    Environment(&'static str),
    /// A flag, with its dashes.
    Flag(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Default => out.write_str("default"),
            Origin::Project { path, line } => write!(out, "{}:{line}", path.display()),
            Origin::Profile { name, path, line } => {
                write!(out, "profile {name} ({}:{line})", path.display())
            }
            Origin::Environment(name) => write!(out, "environment {name}"),
            Origin::Flag(name) => write!(out, "flag {name}"),
        }
    }
}

/// A value and where it comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting<T> {
    /// The value.
    pub value: T,
    /// Who said so.
    pub origin: Origin,
}

/// A type a setting can have.
trait SettingValue: Sized + Clone {
    /// What an environment variable should hold.
    const EXPECTED: &'static str;
    fn parse(text: &str) -> Option<Self>;
    fn show(&self) -> String;
    /// What the value means when it stands in a file in `root`.
    fn relative_to(self, _root: &Path) -> Self {
        self
    }
}

impl SettingValue for PathBuf {
    const EXPECTED: &'static str = "a path";

    fn parse(text: &str) -> Option<Self> {
        (!text.is_empty()).then(|| PathBuf::from(text))
    }

    fn show(&self) -> String {
        self.display().to_string()
    }

    fn relative_to(self, root: &Path) -> Self {
        root.join(self)
    }
}

/// Lua search templates, separated by `;`: each is relative to where it is written.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Templates(pub String);

impl SettingValue for Templates {
    const EXPECTED: &'static str = "templates such as modules/?.lua, separated by `;`";

    fn parse(text: &str) -> Option<Self> {
        Some(Templates(text.to_owned()))
    }

    fn show(&self) -> String {
        self.0.clone()
    }

    fn relative_to(self, root: &Path) -> Self {
        let joined: Vec<String> = self
            .0
            .split(';')
            .filter(|it| !it.is_empty())
            .map(|it| root.join(it).to_string_lossy().into_owned())
            .collect();
        Templates(joined.join(";"))
    }
}

/// A log level as Hindsight counts: 0 panic to 7 debug.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "u32")]
pub struct LogLevel(pub u8);

impl TryFrom<u32> for LogLevel {
    type Error = String;

    fn try_from(level: u32) -> Result<Self, String> {
        if level <= 7 {
            Ok(LogLevel(level as u8))
        } else {
            Err(format!("invalid value: {level}, expected a log level from 0 to 7"))
        }
    }
}

impl SettingValue for LogLevel {
    const EXPECTED: &'static str = "a log level from 0 to 7";

    fn parse(text: &str) -> Option<Self> {
        LogLevel::try_from(text.parse::<u32>().ok()?).ok()
    }

    fn show(&self) -> String {
        self.0.to_string()
    }
}

macro_rules! number_setting {
    ($type:ty, $expected:literal) => {
        impl SettingValue for $type {
            const EXPECTED: &'static str = $expected;

            fn parse(text: &str) -> Option<Self> {
                text.parse().ok()
            }

            fn show(&self) -> String {
                self.to_string()
            }
        }
    };
}
number_setting!(u32, "a whole number from 0 to 4294967295");
number_setting!(u64, "a whole number from 0 to 18446744073709551615");

impl<T: SettingValue> SettingValue for Option<T> {
    const EXPECTED: &'static str = T::EXPECTED;

    fn parse(text: &str) -> Option<Self> {
        T::parse(text).map(Some)
    }

    fn show(&self) -> String {
        self.as_ref().map_or_else(|| "not set".to_owned(), T::show)
    }

    fn relative_to(self, root: &Path) -> Self {
        self.map(|it| it.relative_to(root))
    }
}

/// Makes the file's types, the flags and the resolved settings from one list.
macro_rules! settings {
    ($( $(#[doc = $doc:literal])+ $name:ident: $in_file:ty => $resolved:ty = $default:expr, $variable:literal; )*) => {
        /// The settings one table of the project file makes.
        #[derive(Clone, Debug, Default, Deserialize)]
        #[serde(default, deny_unknown_fields)]
        struct Values {
            $( $name: Option<Spanned<$in_file>>, )*
        }

        /// The project file.
        #[derive(Debug, Default, Deserialize)]
        #[serde(default, deny_unknown_fields)]
        struct ProjectFile {
            $( $name: Option<Spanned<$in_file>>, )*
            profile: BTreeMap<String, Values>,
        }

        impl ProjectFile {
            fn split(self) -> (Values, BTreeMap<String, Values>) {
                (Values { $( $name: self.$name, )* }, self.profile)
            }
        }

        /// What was given on the command line.
        #[derive(Clone, Debug, Default)]
        pub struct Flags {
            $( $(#[doc = $doc])+ pub $name: Option<$in_file>, )*
        }

        /// Every setting, decided.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct Settings {
            $( $(#[doc = $doc])+ pub $name: Setting<$resolved>, )*
        }

        impl Settings {
            /// Decides every setting. `environment` looks a variable up; `profile` is the flag's, which beats the
            /// environment's.
            ///
            /// # Errors
            ///
            /// A profile that does not exist, or a variable that does not hold what it should.
            pub fn resolve(
                project: Option<&Project>,
                profile: Option<&str>,
                environment: &dyn Fn(&str) -> Option<OsString>,
                flags: &Flags,
            ) -> Result<Settings, ProjectError> {
                let profile = chosen_profile(project, profile, environment)?;
                Ok(Settings {
                    $( $name: {
                        let mut setting = Setting::<$resolved> { value: $default, origin: Origin::Default };
                        if let Some(project) = project {
                            if let Some(value) = &project.values.$name {
                                setting.value = value.get_ref().clone().relative_to(&project.root).into();
                                let line = project.line_of(value.span().start);
                                setting.origin = Origin::Project { path: project.path.clone(), line };
                            }
                            let of_profile = profile.as_ref().and_then(|it| Some((it, project.profiles.get(it)?)));
                            if let Some((name, values)) = of_profile && let Some(value) = &values.$name {
                                setting.value = value.get_ref().clone().relative_to(&project.root).into();
                                let line = project.line_of(value.span().start);
                                let (name, path) = (name.clone(), project.path.clone());
                                setting.origin = Origin::Profile { name, path, line };
                            }
                        }
                        if let Some(text) = environment($variable) {
                            setting.value = variable::<$in_file>($variable, text)?.into();
                            setting.origin = Origin::Environment($variable);
                        }
                        if let Some(value) = &flags.$name {
                            setting.value = value.clone().into();
                            setting.origin = Origin::Flag(format!("--{}", stringify!($name).replace('_', "-")));
                        }
                        setting
                    }, )*
                })
            }

            /// Name, value and origin of every setting, as texts.
            pub fn rows(&self) -> Vec<(&'static str, String, String)> {
                vec![ $( (stringify!($name), self.$name.value.show(), self.$name.origin.to_string()), )* ]
            }
        }
    };
}

settings! {
    /// The folder of filters.
    filters: PathBuf => PathBuf = PathBuf::from("filters"), "CEPSHIM_FILTERS";
    /// The folder of samples, with its manifest.
    samples: PathBuf => PathBuf = PathBuf::from("sample_data"), "CEPSHIM_SAMPLES";
    /// The folder of accepted snapshots.
    snapshots: PathBuf => PathBuf = PathBuf::from("snapshots"), "CEPSHIM_SNAPSHOTS";
    /// Templates for Lua modules; where there are none, `hindsight_cfg` decides.
    lua_path: Templates => Option<Templates> = None, "CEPSHIM_LUA_PATH";
    /// Templates for native modules, of which cepshim has its own; where there are none, `hindsight_cfg` decides.
    lua_cpath: Templates => Option<Templates> = None, "CEPSHIM_LUA_CPATH";
    /// A `hindsight.cfg` to take defaults and paths from.
    hindsight_cfg: PathBuf => Option<PathBuf> = None, "CEPSHIM_HINDSIGHT_CFG";
    /// Default `memory_limit` of filters in bytes.
    memory_limit: u32 => Option<u32> = None, "CEPSHIM_MEMORY_LIMIT";
    /// Default `output_limit` of filters in bytes.
    output_limit: u32 => Option<u32> = None, "CEPSHIM_OUTPUT_LIMIT";
    /// Default `instruction_limit` of filters.
    instruction_limit: u32 => Option<u32> = None, "CEPSHIM_INSTRUCTION_LIMIT";
    /// Default `ticker_interval` of filters in seconds.
    ticker_interval: u32 => Option<u32> = None, "CEPSHIM_TICKER_INTERVAL";
    /// Hindsight's log level; 7 lets `print` be heard.
    log_level: LogLevel => LogLevel = LogLevel(6), "CEPSHIM_LOG_LEVEL";
    /// The largest message read, in bytes; where it is not set, `hindsight_cfg` decides, else 64 MiB.
    max_message_size: u32 => Option<u32> = None, "CEPSHIM_MAX_MESSAGE_SIZE";
    /// Steps of native work, such as pattern matching, in one callback.
    c_steps: u64 => u64 = 2_000_000_000, "CEPSHIM_C_STEPS";
    /// Seed of Uuids and random numbers.
    seed: u64 => u64 = 0, "CEPSHIM_SEED";
}

fn variable<T: SettingValue>(name: &'static str, text: OsString) -> Result<T, ProjectError> {
    let value = text.to_string_lossy().into_owned();
    let parsed = text.into_string().ok().and_then(|it| T::parse(&it));
    parsed.ok_or(ProjectError::Environment { name, expected: T::EXPECTED, value })
}

fn chosen_profile(
    project: Option<&Project>,
    flag: Option<&str>,
    environment: &dyn Fn(&str) -> Option<OsString>,
) -> Result<Option<String>, ProjectError> {
    let name = match flag {
        Some(name) => name.to_owned(),
        None => match environment(PROFILE_VARIABLE) {
            Some(name) if !name.is_empty() => name.to_string_lossy().into_owned(),
            _ => return Ok(None),
        },
    };
    let Some(project) = project else { return Err(ProjectError::NoProject(name)) };
    if !project.profiles.contains_key(&name) {
        let known = project.profiles.keys().cloned().collect();
        return Err(ProjectError::UnknownProfile { name, path: project.path.clone(), known });
    }
    Ok(Some(name))
}

/// A project: the folder of a `cepshim.toml` and what that file says.
#[derive(Debug)]
pub struct Project {
    /// The project file.
    pub path: PathBuf,
    /// Its folder, empty for the current one: paths in the file are relative to it.
    pub root: PathBuf,
    values: Values,
    profiles: BTreeMap<String, Values>,
    text: String,
}

impl Project {
    /// Looks for `cepshim.toml` in `start` and the folders above. A relative `start` gives a relative root, so that
    /// texts naming files are the same on every machine.
    pub fn find(start: &Path) -> Result<Option<Project>, ProjectError> {
        let read_error = |error| ProjectError::Read { path: start.to_path_buf(), error };
        let absolute = std::path::absolute(start).map_err(read_error)?;
        let mut root = if start == Path::new(".") { PathBuf::new() } else { start.to_path_buf() };
        for _ in absolute.ancestors() {
            let path = root.join(PROJECT_FILE);
            if path.is_file() {
                return Project::load(&path).map(Some);
            }
            if matches!(root.components().next_back(), Some(Component::Normal(_))) {
                root.pop();
            } else if !root.has_root() {
                root.push("..");
            }
        }
        Ok(None)
    }

    /// Reads the project file `path`.
    pub fn load(path: &Path) -> Result<Project, ProjectError> {
        let text = read(path)?;
        let file: ProjectFile = toml::from_str(&text).map_err(|it| invalid(path, &text, &it))?;
        let (values, profiles) = file.split();
        let root = path.parent().map(Path::to_path_buf).unwrap_or_default();
        Ok(Project { path: path.to_path_buf(), root, values, profiles, text })
    }

    /// Names of the profiles, in alphabetical order.
    pub fn profiles(&self) -> impl Iterator<Item = &str> {
        self.profiles.keys().map(String::as_str)
    }

    fn line_of(&self, at: usize) -> usize {
        memchr::memchr_iter(b'\n', &self.text.as_bytes()[..at]).count() + 1
    }
}

/// `manifest.toml`: the maintained sample data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// The manifest's own format, 1.
    pub version: u32,
    /// The sets, as written.
    pub sets: Vec<SampleSet>,
}

/// One set of samples.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SampleSet {
    /// Its name.
    pub name: String,
    /// What is in it.
    pub about: String,
    /// Its files, paths joined with the manifest's folder.
    pub files: Vec<PathBuf>,
    /// Number of records.
    pub records: u64,
    /// Timestamp of its first record, in nanoseconds since the epoch.
    pub first_timestamp: i64,
}

// Other keys are for other readers: checksums, counts, recipes.
#[derive(Deserialize)]
struct ManifestFile {
    version: Spanned<u32>,
    #[serde(default)]
    set: Vec<SetEntry>,
}

#[derive(Deserialize)]
struct SetEntry {
    name: String,
    #[serde(default)]
    about: String,
    files: Vec<Spanned<PathBuf>>,
    #[serde(default)]
    records: u64,
    time: SetTime,
}

#[derive(Deserialize)]
struct SetTime {
    first: Spanned<String>,
}

/// The manifest format this version reads.
const MANIFEST_VERSION: u32 = 1;

impl Manifest {
    /// Reads the manifest `path`.
    pub fn load(path: &Path) -> Result<Manifest, ProjectError> {
        let text = read(path)?;
        let file: ManifestFile = toml::from_str(&text).map_err(|it| invalid(path, &text, &it))?;
        if *file.version.get_ref() != MANIFEST_VERSION {
            let message = format!("`version`: found {}, expected {MANIFEST_VERSION}", file.version.get_ref());
            return Err(place(path, &text, file.version.span(), message));
        }
        let folder = path.parent().unwrap_or(Path::new(""));
        let mut sets = Vec::new();
        for set in file.set {
            let first = set.time.first.get_ref();
            let Ok(time) = first.parse::<jiff::Timestamp>() else {
                let message =
                    format!("`first`: found `{first}`, expected a time such as 2026-01-31T23:59:59Z");
                return Err(place(path, &text, set.time.first.span(), message));
            };
            let mut files = Vec::new();
            for file in &set.files {
                if !file.get_ref().components().all(|it| matches!(it, Component::Normal(_))) {
                    let message = "`files`: expected a path inside the manifest's folder".to_owned();
                    return Err(place(path, &text, file.span(), message));
                }
                files.push(folder.join(file.get_ref()));
            }
            let first_timestamp = i64::try_from(time.as_nanosecond()).unwrap_or(i64::MAX);
            let SetEntry { name, about, records, .. } = set;
            sets.push(SampleSet { name, about, files, records, first_timestamp });
        }
        Ok(Manifest { version: MANIFEST_VERSION, sets })
    }

    /// The files of all sets, in order of the sets' first Timestamps.
    pub fn files(&self) -> Vec<&Path> {
        let mut sets: Vec<&SampleSet> = self.sets.iter().collect();
        sets.sort_by_key(|it| it.first_timestamp);
        sets.iter().flat_map(|it| it.files.iter().map(PathBuf::as_path)).collect()
    }
}

fn read(path: &Path) -> Result<String, ProjectError> {
    let bytes = fs::read(path).map_err(|error| ProjectError::Read { path: path.to_path_buf(), error })?;
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        let text = String::from_utf8_lossy(error.as_bytes()).into_owned();
        place(path, &text, at..at, "not UTF-8".to_owned())
    })
}

fn invalid(path: &Path, text: &str, error: &toml::de::Error) -> ProjectError {
    let span = error.span().unwrap_or(0..0);
    let mut message = error.message().lines().collect::<Vec<&str>>().join(", ");
    // toml says what is wrong with a value, not whose value it is.
    let line = &text[text[..span.start].rfind('\n').map_or(0, |it| it + 1)..];
    let line = line.lines().next().unwrap_or_default();
    if let Some((key, _)) = line.split_once('=')
        && text[..span.start].rfind('\n').map_or(0, |it| it + 1) + key.len() < span.start
    {
        message = format!("`{}`: {message}", key.trim());
    }
    place(path, text, span, message)
}

fn place(path: &Path, text: &str, span: std::ops::Range<usize>, message: String) -> ProjectError {
    let start = text[..span.start].rfind('\n').map_or(0, |it| it + 1);
    let line_text = text[start..].lines().next().unwrap_or_default();
    let line = text[..start].matches('\n').count() + 1;
    let before = text[start..span.start].chars().count();
    let end = span.end.clamp(span.start, (start + line_text.len()).max(span.start));
    let width = text[span.start..end].chars().count().max(1);
    // A tab is one column wide, so that the caret stands where it should.
    let shown: String = line_text.chars().map(|it| if it.is_control() { ' ' } else { it }).collect();
    let excerpt = format!("{shown}\n{:before$}{}", "", "^".repeat(width));
    ProjectError::Invalid { path: path.to_path_buf(), line, column: before + 1, message, excerpt }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn project(text: &str) -> (tempfile::TempDir, Result<Project, ProjectError>) {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join(PROJECT_FILE);
        fs::write(&path, text).expect("written");
        let project = Project::load(&path);
        (dir, project)
    }

    fn check_error(text: &str, line_and_column: &str, message: &str, carets: &str) {
        let (dir, project) = project(text);
        let error = project.expect_err("refused");
        let expected = format!("{}:{line_and_column}: {message}", dir.path().join(PROJECT_FILE).display());
        assert_eq!(error.to_string(), expected);
        assert_eq!(error.excerpt().and_then(|it| it.lines().nth(1)), Some(carets), "{:?}", error.excerpt());
    }

    #[test]
    fn errors_name_line_key_and_what_was_expected() {
        check_error(
            "filters = \"f\"\nmemory_limit = \"8M\"\n",
            "2:16",
            "`memory_limit`: invalid type: string \"8M\", expected u32",
            "               ^^^^",
        );
        check_error(
            "[profile.ci]\nlog_level = 9\n",
            "2:13",
            "`log_level`: invalid value: 9, expected a log level from 0 to 7",
            "            ^",
        );
        let (_dir, project) = project("samples = \"s\"\nfilter = \"f\"\n");
        let text = project.expect_err("refused").to_string();
        assert!(text.contains(":2:1: unknown field `filter`, expected one of `filters`, "), "{text}");
    }

    const TEXT: &str =
        "lua_path = \"modules/?.lua;/usr/?.lua\"\nseed = 1\nlog_level = 4\n\n[profile.ci]\nseed = 2\n";

    fn rows(
        project: &Project,
        profile: Option<&str>,
        variables: &[(&str, &str)],
        flags: &Flags,
    ) -> Vec<String> {
        let environment =
            |name: &str| variables.iter().find(|it| it.0 == name).map(|it| OsString::from(it.1));
        let settings = Settings::resolve(Some(project), profile, &environment, flags).expect("resolved");
        let root = format!("{}/", project.root.display());
        let rows = settings.rows();
        rows.into_iter()
            .map(|(name, value, origin)| format!("{name} {value} {origin}").replace(&root, "R/"))
            .collect()
    }

    #[test]
    fn the_nearest_origin_wins() {
        let (_dir, project) = project(TEXT);
        let project = project.expect("read");
        let all = rows(&project, Some("ci"), &[("CEPSHIM_LOG_LEVEL", "7")], &Flags::default());
        assert!(all.contains(&"lua_path R/modules/?.lua;/usr/?.lua R/cepshim.toml:1".to_owned()), "{all:?}");
        assert!(all.contains(&"seed 2 profile ci (R/cepshim.toml:6)".to_owned()), "{all:?}");
        assert!(all.contains(&"log_level 7 environment CEPSHIM_LOG_LEVEL".to_owned()), "{all:?}");
        assert!(all.contains(&"memory_limit not set default".to_owned()), "{all:?}");
        let flags = Flags { log_level: Some(LogLevel(3)), ..Flags::default() };
        let all = rows(&project, None, &[("CEPSHIM_LOG_LEVEL", "7"), ("CEPSHIM_PROFILE", "ci")], &flags);
        assert!(all.contains(&"log_level 3 flag --log-level".to_owned()), "{all:?}");
        assert!(all.contains(&"seed 2 profile ci (R/cepshim.toml:6)".to_owned()), "{all:?}");
    }

    #[test]
    fn wrong_variables_and_profiles_are_refused() {
        let (_dir, project) = project(TEXT);
        let project = project.expect("read");
        let environment = |name: &str| (name == "CEPSHIM_SEED").then(|| OsString::from("-1"));
        let error = Settings::resolve(Some(&project), None, &environment, &Flags::default());
        let text = error.expect_err("refused").to_string();
        assert!(text.starts_with("environment variable CEPSHIM_SEED: expected a whole number"), "{text}");
        let error = Settings::resolve(Some(&project), Some("c"), &|_| None, &Flags::default());
        assert!(error.expect_err("refused").to_string().ends_with(": it has ci"));
        let error = Settings::resolve(None, Some("c"), &|_| None, &Flags::default());
        assert!(matches!(error, Err(ProjectError::NoProject(_))));
    }

    #[test]
    fn projects_are_found_above() {
        let (dir, _) = project(TEXT);
        let below = dir.path().join("a/b");
        fs::create_dir_all(&below).expect("folders");
        let found = Project::find(&below).expect("read").expect("found");
        assert_eq!(found.root, dir.path());
    }

    #[test]
    fn this_repository_is_a_project() {
        let project = Project::find(Path::new("tests/data")).expect("read").expect("found");
        assert_eq!(project.root, Path::new(""));
        let settings =
            Settings::resolve(Some(&project), None, &|_| None, &Flags::default()).expect("resolved");
        assert_eq!(settings.samples.value, Path::new("sample_data"));
    }

    fn manifest(text: &str) -> Result<Manifest, ProjectError> {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join(MANIFEST_FILE);
        fs::write(&path, text).expect("written");
        let mut manifest = Manifest::load(&path)?;
        for file in manifest.sets.iter_mut().flat_map(|it| &mut it.files) {
            *file = file.strip_prefix(dir.path()).expect("in the folder").to_path_buf();
        }
        Ok(manifest)
    }

    fn entry(name: &str, file: &str, first: &str) -> String {
        format!(
            "[[set]]\nname = \"{name}\"\nfiles = [\"{file}\"]\nsha256 = \"00\"\nrecords = 3\n\n\
             [set.time]\nfirst = \"{first}\"\nlatest = \"x\"\n[set.types]\nmain = 3\n"
        )
    }

    #[test]
    fn sample_files_are_in_order_of_time() {
        let text = format!(
            "version = 1\nlicence = \"CC0-1.0\"\n{}{}",
            entry("later", "b.hpb", "2026-01-02T00:00:00Z"),
            entry("first", "c.hpb", "2026-01-01T00:00:00.5Z")
        );
        let manifest = manifest(&text).expect("read");
        assert_eq!(manifest.files(), [Path::new("c.hpb"), Path::new("b.hpb")]);
        assert_eq!(manifest.sets[1].first_timestamp, 1_767_225_600_500_000_000);
    }

    #[test]
    fn manifests_that_cannot_be_followed_are_refused() {
        for (text, expected) in [
            ("version = 2\n".to_owned(), "1:11: `version`: found 2, expected 1"),
            (
                format!("version = 1\n{}", entry("a", "../a", "2026-01-02T00:00:00Z")),
                ":4:10: `files`: expected a path",
            ),
            (
                format!("version = 1\n{}", entry("a", "a", "today")),
                ":9:9: `first`: found `today`, expected a time",
            ),
            ("version = 1\n[[set]]\nname = \"a\"\n".to_owned(), "missing field `files`"),
        ] {
            let error = manifest(&text).expect_err("refused").to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}
