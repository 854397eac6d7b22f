//! Where `require` finds a module, and what to do where it does not: the search itself, without Lua.
//!
//! [`require`](super::require) follows it while a filter runs, `check` before one does, and [`Search::advice`] after one
//! failed. The order is production's (`lua_sandbox` `src/lua/loadlib.c`): refused names, standard libraries, the Lua
//! path, the path of native modules, and there again for the root of a dotted name.

use std::{ffi::OsStr, fs::File, os::unix::ffi::OsStrExt as _};

use super::host::{Kind, NativeModule};
use crate::vm::{HostFn, lib};

/// Modules analysis plugins may not load.
pub const DISABLED_MODULES: &[&str] = &["io", "coroutine"];

/// Folders of production's modules written in Lua.
const PRODUCTION_FOLDERS: &[&str] = &[
    "alert",
    "decoders",
    "encoders",
    "geoip",
    "heka",
    "lpeg",
    "lsb",
    "maxminddb",
    "moz_ingest",
    "moz_telemetry",
    "taskcluster",
];
/// Those of its modules that are in none.
const PRODUCTION_FILES: &[&str] = &["hawk", "iputils", "taskcluster"];

/// Which C modules `require` may load from shared libraries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum NativeModules {
    /// None: there is what is built in.
    #[default]
    BuiltIn,
    /// Each that is not built in.
    Load,
    /// Those of these names, also in the place of one that is built in.
    LoadNamed(Vec<String>),
}

impl NativeModules {
    /// Whether a module of this name may be loaded.
    fn allows(&self, name: &[u8]) -> bool {
        matches!(self, NativeModules::Load) || self.names(name)
    }

    /// Whether a module of this name was asked for.
    fn names(&self, name: &[u8]) -> bool {
        matches!(self, NativeModules::LoadNamed(names) if names.iter().any(|it| it.as_bytes() == name))
    }
}

/// All that decides what `require` finds.
#[derive(Clone, Copy, Debug)]
pub struct Search<'a> {
    /// Names that are refused.
    pub disabled: &'a [&'a str],
    /// Templates of the Lua path, if configured.
    pub path: Option<&'a [u8]>,
    /// Templates of the path of native modules, if configured.
    pub cpath: Option<&'a [u8]>,
    /// The native modules this build has.
    pub modules: &'a [NativeModule],
    /// Which others may be loaded.
    pub native_modules: &'a NativeModules,
}

/// What there is.
#[derive(Clone, Debug)]
pub enum Found {
    /// A standard library.
    Standard(HostFn),
    /// A module written in Lua: its file.
    Lua(Vec<u8>),
    /// A module of this build.
    Native(NativeModule),
    /// A shared library that may be loaded.
    Library(Library),
    /// Nothing that could be used.
    Nothing(Missing),
}

/// A shared library that is to have the module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Library {
    /// Its file.
    pub file: Vec<u8>,
    /// Whether it was found as the root of the dotted name: it need not have the module then.
    pub is_root: bool,
    /// Production's words about the files tried before.
    tried: Vec<u8>,
}

/// Why there is nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Missing {
    /// The name is refused.
    Disabled,
    /// The name has characters that no module's name has.
    InvalidName,
    /// `path` or `cpath` is not configured.
    NoTemplates(&'static str),
    /// A shared library is there, which may not be loaded.
    Library {
        /// Its file.
        file: Vec<u8>,
    },
    /// No file is there; production's list of those tried.
    NoFile(Vec<u8>),
}

impl Library {
    /// What is missing where the library has no function for the module, if it need not have one.
    pub fn without(self, name: &[u8]) -> Missing {
        let mut tried = self.tried;
        tried.extend_from_slice(b"\n\tno module '");
        tried.extend_from_slice(name);
        tried.extend_from_slice(b"' in file '");
        tried.extend_from_slice(&self.file);
        tried.push(b'\'');
        Missing::NoFile(tried)
    }
}

impl Missing {
    /// Production's text for it, and ours where production would have loaded a library.
    pub fn text(&self, name: &[u8]) -> Vec<u8> {
        match self {
            Missing::Disabled => [b"module '", name, b"' disabled"].concat(),
            Missing::InvalidName => [b"invalid module name '", name, b"'"].concat(),
            Missing::NoTemplates(kind) => format!(
                "no '{kind}' configuration was specified for the sandbox; external modules have been disabled"
            )
            .into_bytes(),
            Missing::Library { file } => load_error(
                name,
                file,
                b"cepshim has no module of its own of that name, and loads C modules only with \
                  --allow-native-modules",
            ),
            Missing::NoFile(tried) => [b"module '", name, b"' not found:", &tried[..]].concat(),
        }
    }

    /// Whether production puts the place of the `require` in front: it raises other errors one level further down.
    pub fn has_place(&self) -> bool {
        matches!(self, Missing::Disabled | Missing::NoFile(_))
    }
}

/// Production's text for a file that cannot be loaded.
pub fn load_error(name: &[u8], file: &[u8], reason: &[u8]) -> Vec<u8> {
    [b"error loading module '", name, b"' from file '", file, b"':\n\t", reason].concat()
}

impl Search<'_> {
    /// Looks for the module as `require` does.
    pub fn find(&self, name: &[u8]) -> Found {
        self.try_find(name).unwrap_or_else(Found::Nothing)
    }

    fn try_find(&self, name: &[u8]) -> Result<Found, Missing> {
        if self.disabled.iter().any(|it| it.as_bytes() == name) {
            return Err(Missing::Disabled);
        }
        if let Some(open) = lib::opener(name) {
            return Ok(Found::Standard(open));
        }
        if !name.iter().all(|it| it.is_ascii_alphanumeric() || matches!(it, b'_' | b'.')) {
            return Err(Missing::InvalidName);
        }
        let mut tried = Vec::new();
        if let Some(file) = search(name, self.path.ok_or(Missing::NoTemplates("path"))?, &mut tried) {
            return Ok(Found::Lua(file));
        }
        let cpath = self.cpath.ok_or(Missing::NoTemplates("cpath"))?;
        if !self.native_modules.names(name)
            && let Some(module) = self.module(name)
            && (!module.io_only || self.has_io_modules())
        {
            return Ok(Found::Native(module));
        }
        let root = memchr::memchr(b'.', name).map(|dot| &name[..dot]);
        for (part, is_root) in [(Some(name), false), (root, true)] {
            let Some(part) = part else { continue };
            if let Some(file) = search(part, cpath, &mut tried) {
                if self.native_modules.allows(name) {
                    return Ok(Found::Library(Library { file, is_root, tried }));
                }
                return Err(Missing::Library { file });
            }
        }
        Err(Missing::NoFile(tried))
    }

    /// The module of this build called `name`.
    fn module(&self, name: &[u8]) -> Option<NativeModule> {
        self.modules.iter().find(|it| it.name.as_bytes() == name).copied()
    }

    /// Production's I/O modules are found only where a template names their folder.
    pub fn has_io_modules(&self) -> bool {
        let names = |it: &[u8]| memchr::memmem::find(it, b"io_modules").is_some();
        [self.path, self.cpath].into_iter().flatten().any(names)
    }

    /// What to set so that `require` finds the module; `None` where it does.
    pub fn advice(&self, name: &[u8]) -> Option<Advice> {
        let Found::Nothing(missing) = self.find(name) else { return None };
        let known = self.module(name);
        let name = String::from_utf8_lossy(name).into_owned();
        let what = known.map(|it| match (it.kind, it.io_only) {
            (Kind::BuiltIn, false) => "built in",
            (Kind::BuiltIn, true) => "built in, as an I/O module",
            (Kind::StandIn, false) => "a stand-in",
            (Kind::StandIn, true) => "a stand-in, as an I/O module",
        });
        Some(match (missing, what) {
            (Missing::Disabled, _) => Advice::Disabled { name },
            (Missing::InvalidName, _) => Advice::InvalidName,
            (Missing::NoTemplates(kind), Some(what)) => Advice::NoTemplates { kind, name, what },
            (Missing::NoTemplates(kind), None) => Advice::NoTemplatesAtAll { kind },
            (Missing::Library { .. } | Missing::NoFile(_), Some(_))
                if self.native_modules.names(name.as_bytes()) =>
            {
                Advice::NamedWithoutFile { name }
            }
            // Only an I/O module is known and not found.
            (Missing::Library { .. } | Missing::NoFile(_), Some(what)) => Advice::IoModule { name, what },
            (Missing::Library { file }, None) => {
                let file = String::from_utf8_lossy(&file).into_owned();
                match self.native_modules {
                    NativeModules::LoadNamed(_) => Advice::NotNamed { name, file },
                    _ => Advice::NativeModule { name, file },
                }
            }
            (Missing::NoFile(_), None) => {
                let file = format!("{}.lua", name.replace('.', "/"));
                let is_production = match name.split_once('.') {
                    Some((folder, _)) => PRODUCTION_FOLDERS.contains(&folder),
                    None => PRODUCTION_FILES.contains(&name.as_str()),
                };
                if is_production {
                    Advice::ProductionLua { name, file }
                } else {
                    Advice::Unknown { name, file }
                }
            }
        })
    }
}

/// What a module that was not found is, and what to set.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Advice {
    /// A library of Lua that is kept from plugins.
    #[error("{name} is a library of Lua's that production keeps from analysis plugins; nothing allows it")]
    Disabled {
        /// The module.
        name: String,
    },
    /// No name of a module.
    #[error("a module's name is made of letters, digits, `_` and `.`")]
    InvalidName,
    /// A path is missing for a module of this build.
    #[error("{name} is {what}, but nothing is found while lua_{kind} is not set: set it")]
    NoTemplates {
        /// `path` or `cpath`.
        kind: &'static str,
        /// The module.
        name: String,
        /// What the module is.
        what: &'static str,
    },
    /// A path is missing, whatever the module is.
    #[error("lua_{kind} is not set, and nothing is found without: set it to templates such as modules/?.{}",
        if *kind == "path" { "lua" } else { "so" })]
    NoTemplatesAtAll {
        /// `path` or `cpath`.
        kind: &'static str,
    },
    /// An I/O module, and no template that enables those.
    #[error("{name} is {what}: add a template that names io_modules to lua_cpath, such as io_modules/?.so")]
    IoModule {
        /// The module.
        name: String,
        /// What the module is.
        what: &'static str,
    },
    /// A shared library that could be loaded.
    #[error("{name} is no module of cepshim's; {file} is a C module, which --allow-native-modules loads")]
    NativeModule {
        /// The module.
        name: String,
        /// The library.
        file: String,
    },
    /// A shared library that is not among those named.
    #[error(
        "{name} is not among the names given to --allow-native-modules; {file} is a C module of that name"
    )]
    NotNamed {
        /// The module.
        name: String,
        /// The library.
        file: String,
    },
    /// A module of this build that was to be replaced by one that is not there.
    #[error(
        "--allow-native-modules names {name}, so cepshim's own is left out, and lua_cpath leads to no file of it"
    )]
    NamedWithoutFile {
        /// The module.
        name: String,
    },
    /// Production's, in Lua.
    #[error(
        "{name} seems to be one of production's modules written in Lua, which are not part of cepshim: put the folder \
         with {file} on lua_path"
    )]
    ProductionLua {
        /// The module.
        name: String,
        /// Its file.
        file: String,
    },
    /// Nobody's.
    #[error(
        "{name} is no module cepshim knows: put {file} where a template of lua_path leads; a C module needs \
         --allow-native-modules and a template of lua_cpath"
    )]
    Unknown {
        /// The module.
        name: String,
        /// Its file if it is written in Lua.
        file: String,
    },
}

/// The first readable file among the templates; `tried` gathers production's words about the others.
fn search(name: &[u8], templates: &[u8], tried: &mut Vec<u8>) -> Option<Vec<u8>> {
    let path: Vec<u8> = name.iter().map(|&it| if it == b'.' { b'/' } else { it }).collect();
    for template in templates.split(|&it| it == b';').filter(|it| !it.is_empty()) {
        let mut file = Vec::new();
        for &byte in template {
            if byte == b'?' { file.extend_from_slice(&path) } else { file.push(byte) }
        }
        if File::open(OsStr::from_bytes(&file)).is_ok() {
            return Some(file);
        }
        tried.extend_from_slice(b"\n\tno file '");
        tried.extend_from_slice(&file);
        tried.push(b'\'');
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vm::host_call;

    host_call! {
        fn open(lua) {
            lua.push_nil();
            1
        }
    }

    const fn module(name: &'static str, io_only: bool, kind: Kind) -> NativeModule {
        NativeModule { name, open, io_only, version: "1.0", kind }
    }

    const MODULES: &[NativeModule] = &[
        module("plain", false, Kind::BuiltIn),
        module("outer", true, Kind::BuiltIn),
        module("remote", true, Kind::StandIn),
        module("deep.inner", false, Kind::BuiltIn),
    ];

    /// What is found in a folder with `lib.so`, `plain.so` and `text.lua`; templates are relative to it.
    fn find(name: &str, paths: [Option<&str>; 2], native_modules: &NativeModules) -> String {
        let folder = tempfile::tempdir().expect("a folder");
        for file in ["lib.so", "plain.so", "text.lua"] {
            std::fs::write(folder.path().join(file), "").expect("written");
        }
        let folder = format!("{}/", folder.path().display());
        let [path, cpath] = paths.map(|it| it.map(|it| format!("{folder}{it}")));
        let search = Search {
            disabled: DISABLED_MODULES,
            path: path.as_deref().map(str::as_bytes),
            cpath: cpath.as_deref().map(str::as_bytes),
            modules: MODULES,
            native_modules,
        };
        let name = name.as_bytes();
        let text = |it: &[u8]| String::from_utf8_lossy(it).into_owned();
        let found = match search.find(name) {
            Found::Standard(_) => "standard".to_owned(),
            Found::Lua(file) => format!("Lua {}", text(&file)),
            Found::Native(module) => format!("module {}", module.name),
            Found::Library(it) if it.is_root => format!("root {}", text(&it.without(name).text(name))),
            Found::Library(it) => format!("library {}", text(&it.file)),
            Found::Nothing(missing) => text(&missing.text(name)),
        };
        let advice = search.advice(name).map_or(String::new(), |it| format!(" | {it}"));
        format!("{found}{advice}").replace(&folder, "")
    }

    #[test]
    fn modules_are_found_in_productions_order() {
        let paths = [Some("?.lua"), Some("?.so")];
        let none = &NativeModules::BuiltIn;
        let all = &NativeModules::Load;
        let named = &NativeModules::LoadNamed(vec!["plain".to_owned(), "absent".to_owned()]);
        for (name, policy, expected) in [
            ("string", none, "standard"),
            ("", none, "standard"),
            ("text", none, "Lua text.lua"),
            ("plain", none, "module plain"),
            ("plain", all, "module plain"),
            ("plain", named, "library plain.so"),
            ("deep.inner", none, "module deep.inner"),
            ("lib", all, "library lib.so"),
            (
                "lib.part",
                all,
                "root module 'lib.part' not found:\n\tno file 'lib/part.lua'\n\tno file 'lib/part.so'\n\t\
                 no module 'lib.part' in file 'lib.so'",
            ),
        ] {
            assert_eq!(find(name, paths, policy), expected, "{name} {policy:?}");
        }
        for cpath in ["io_modules/?.so", "x/?.so;io_modules/?.so"] {
            assert_eq!(find("outer", [Some("?.lua"), Some(cpath)], none), "module outer");
        }
    }

    #[test]
    fn what_is_missing_has_productions_words_and_a_remedy() {
        let paths = [Some("?.lua"), Some("?.so")];
        let none = &NativeModules::BuiltIn;
        let named = &NativeModules::LoadNamed(vec!["deep.inner".to_owned()]);
        for (name, paths, policy, expected) in [
            (
                "io",
                paths,
                none,
                "module 'io' disabled | io is a library of Lua's that production keeps from analysis plugins; \
                 nothing allows it",
            ),
            (
                "a/b",
                paths,
                none,
                "invalid module name 'a/b' | a module's name is made of letters, digits, `_` and `.`",
            ),
            (
                "plain",
                [None, Some("?.so")],
                none,
                "no 'path' configuration was specified for the sandbox; external modules have been disabled | \
                 plain is built in, but nothing is found while lua_path is not set: set it",
            ),
            (
                "nosuch",
                [Some("?.lua"), None],
                none,
                "no 'cpath' configuration was specified for the sandbox; external modules have been disabled | \
                 lua_cpath is not set, and nothing is found without: set it to templates such as modules/?.so",
            ),
            (
                "outer",
                paths,
                none,
                "module 'outer' not found:\n\tno file 'outer.lua'\n\tno file 'outer.so' | outer is built in, as an \
                 I/O module: add a template that names io_modules to lua_cpath, such as io_modules/?.so",
            ),
            (
                "remote",
                paths,
                none,
                "module 'remote' not found:\n\tno file 'remote.lua'\n\tno file 'remote.so' | remote is a stand-in, as \
                 an I/O module: add a template that names io_modules to lua_cpath, such as io_modules/?.so",
            ),
            (
                "lib",
                paths,
                none,
                "error loading module 'lib' from file 'lib.so':\n\tcepshim has no module of its own of that name, and \
                 loads C modules only with --allow-native-modules | lib is no module of cepshim's; lib.so is a C \
                 module, which --allow-native-modules loads",
            ),
            (
                "lib",
                paths,
                named,
                "error loading module 'lib' from file 'lib.so':\n\tcepshim has no module of its own of that name, and \
                 loads C modules only with --allow-native-modules | lib is not among the names given to \
                 --allow-native-modules; lib.so is a C module of that name",
            ),
            (
                "deep.inner",
                paths,
                named,
                "module 'deep.inner' not found:\n\tno file 'deep/inner.lua'\n\tno file 'deep/inner.so'\n\tno file \
                 'deep.so' | --allow-native-modules names deep.inner, so cepshim's own is left out, and lua_cpath \
                 leads to no file of it",
            ),
            (
                "lpeg.uri",
                paths,
                none,
                "module 'lpeg.uri' not found:\n\tno file 'lpeg/uri.lua'\n\tno file 'lpeg/uri.so'\n\tno file 'lpeg.so' \
                 | lpeg.uri seems to be one of production's modules written in Lua, which are not part of cepshim: \
                 put the folder with lpeg/uri.lua on lua_path",
            ),
            (
                "nosuch",
                paths,
                none,
                "module 'nosuch' not found:\n\tno file 'nosuch.lua'\n\tno file 'nosuch.so' | nosuch is no module \
                 cepshim knows: put nosuch.lua where a template of lua_path leads; a C module needs \
                 --allow-native-modules and a template of lua_cpath",
            ),
        ] {
            assert_eq!(find(name, paths, policy), expected, "{name}");
        }
    }
}
