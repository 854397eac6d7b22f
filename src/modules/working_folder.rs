//! The folder that relative names of files begin in.
//!
//! In production it belongs to the process: `lfs.chdir` moves every plugin. Here a filter that moves takes nobody with it,
//! not even itself before a time travel: where it has gone is known to its own Lua state, and the modules that open files
//! ask here. The process stays where it is.

use std::{
    borrow::Cow,
    ffi::{CStr, CString},
};

use crate::vm::{Lua, REGISTRY, Type};

const KEY: &CStr = c"cepshim.working_folder";

/// The folder a script has gone to, `None` where the process is.
pub fn current(lua: Lua<'_>) -> Option<&[u8]> {
    lua.get_field(REGISTRY, KEY);
    // The registry keeps the string.
    let folder = if lua.type_at(-1) == Type::String { lua.to_bytes(-1) } else { None };
    lua.pop(1);
    folder
}

/// Goes to the folder whose absolute name is the string on top of the stack, which is dropped.
pub fn change(lua: Lua<'_>) {
    lua.set_field(REGISTRY, KEY);
}

/// A file's name as the system is to be asked for it.
pub fn resolve<'p>(folder: Option<&[u8]>, path: &'p CStr) -> Cow<'p, CStr> {
    let bytes = path.to_bytes();
    match folder {
        Some(folder) if !bytes.is_empty() && bytes[0] != b'/' => {
            let joined = [folder, b"/", bytes].concat();
            CString::new(joined).map_or(Cow::Borrowed(path), Cow::Owned)
        }
        _ => Cow::Borrowed(path),
    }
}

#[cfg(test)]
mod tests {
    use super::resolve;

    #[test]
    fn relative_names_begin_in_the_folder() {
        let resolved = |folder: Option<&[u8]>, path| resolve(folder, path).into_owned();
        assert_eq!(resolved(Some(b"/a/b"), c"c/d"), c"/a/b/c/d".to_owned());
        assert_eq!(resolved(Some(b"/a/b"), c"/c"), c"/c".to_owned());
        assert_eq!(resolved(Some(b"/a/b"), c""), c"".to_owned());
        assert_eq!(resolved(None, c"c"), c"c".to_owned());
    }
}
