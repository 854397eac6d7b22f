//! Where `require` would find a module: the sandbox's own search, set up as the filter's host would.

use crate::{
    modules::BUILTIN,
    pipeline::HostConfig,
    sandbox::search::{DISABLED_MODULES, NativeModules, Search},
};

/// The search of an analysis plugin under this configuration. C modules count as missing: whether a replay will be
/// allowed to load them is not known here.
pub(super) fn search(host: &HostConfig) -> Search<'_> {
    Search {
        disabled: DISABLED_MODULES,
        path: host.analysis_lua_path.as_deref().map(str::as_bytes),
        cpath: host.analysis_lua_cpath.as_deref().map(str::as_bytes),
        modules: BUILTIN,
        native_modules: &NativeModules::BuiltIn,
    }
}
