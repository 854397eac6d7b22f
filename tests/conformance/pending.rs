//! The one list of cases that cannot run yet, by the native module they wait for.

use super::case::Case;

/// Native modules that are not built in yet. A case of an area of that name waits for its module.
#[rustfmt::skip]
const PENDING_MODULES: &[&str] = &[
    "bit",
    "lpeg",
    "rjson",
    "sax",
    "struct",
    "zlib",
];

/// Cases whose production modules require lpeg themselves.
const NEED_LPEG: &[&str] = &[
    "production_modules/apache_access",
    "production_modules/cbufd",
    "production_modules/cron_su_sudo",
    "production_modules/date_time_rfc3339",
    "production_modules/date_time_strftime",
    "production_modules/escape_sequences",
    "production_modules/ip_address",
    "production_modules/iputils",
    "production_modules/logfmt",
    "production_modules/logfmt_pipeline",
    "production_modules/nginx_access",
    "production_modules/nginx_error",
    "production_modules/printf",
    "production_modules/sshd",
    "production_modules/syslog_template",
    "production_modules/uri",
];

/// Names a folder that holds production's `modules` and `io_modules`. They are not part of this repository.
pub const PRODUCTION_MODULES: &str = "CEPSHIM_PRODUCTION_MODULES";

/// Why the case cannot run, if it cannot.
pub fn reason(case: &Case) -> Option<String> {
    let script = std::fs::read_to_string(case.directory.join("plugin.lua")).unwrap_or_default();
    if let Some(module) = PENDING_MODULES.iter().find(|it| requires(&script, it) || case.area == **it) {
        return Some(format!("the module {module} is not built in yet"));
    }
    if NEED_LPEG.contains(&case.name.as_str()) {
        return Some("the module lpeg is not built in yet".to_owned());
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
