//! The Lua libraries as production has them: each put together in production's order from vendored functions and
//! ours. `open_*` is what `require` runs; it leaves the library's table on the stack.

mod base;
mod math;
mod os;
mod string;

use std::ffi::CStr;

pub use base::open_base;

use super::{
    lua::{HostFn, Lua, host_call},
    stock,
};

/// The function that opens a standard library, if there is one of that name (`lua_sandbox` `luasandbox.c:34`; `io` is
/// not part of an analysis sandbox and has no opener yet).
pub fn opener(name: &[u8]) -> Option<HostFn> {
    match name {
        b"" => Some(open_base),
        b"coroutine" => Some(open_coroutine),
        b"table" => Some(open_table),
        b"os" => Some(os::open_os),
        b"string" => Some(string::open_string),
        b"math" => Some(math::open_math),
        _ => None,
    }
}

/// Pairs of a name and the vendored function `library.name`.
fn stock_functions(library: &str, names: &[&'static CStr]) -> Vec<(&'static CStr, HostFn)> {
    names
        .iter()
        .map(|name| {
            let path = if library.is_empty() {
                name.to_string_lossy().into_owned()
            } else {
                format!("{library}.{}", name.to_string_lossy())
            };
            (*name, stock::function(&path))
        })
        .collect()
}

/// Registers a library whose functions are computed once per process: the frame must not own the list.
macro_rules! library {
    ($(#[$meta:meta])* $vis:vis fn $open:ident = $name:literal, $functions:expr $(, then $then:expr)?) => {
        host_call! {
            $(#[$meta])*
            $vis fn $open(lua) {
                static FUNCTIONS: std::sync::OnceLock<Vec<(&'static std::ffi::CStr, HostFn)>> =
                    std::sync::OnceLock::new();
                lua.register(Some($name), FUNCTIONS.get_or_init(|| $functions));
                $( let then: fn(Lua<'_>) = $then; then(lua); )?
                1
            }
        }
    };
}
use library;

library! {
    fn open_table = c"table", stock_functions(
        "table",
        &[c"concat", c"foreach", c"foreachi", c"getn", c"maxn", c"insert", c"remove", c"setn", c"sort"],
    )
}

library! {
    fn open_coroutine = c"coroutine", stock_functions(
        "coroutine",
        &[c"create", c"resume", c"running", c"status", c"wrap", c"yield"],
    )
}
