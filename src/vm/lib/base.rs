//! The base library: the vendored functions, but for `tostring`, which must not show where memory is.

use std::ffi::c_void;

use super::{HostFn, Lua, host_call, stock, stock_functions};
use crate::vm::{
    arena::SLOT_SIZE,
    lua::{GLOBALS, Type},
};

/// What the first slot's base is: addresses are shown as if every VM stood there.
const CANONICAL_BASE: usize = 0x5000_0000_0000;

host_call! {
    /// `luaopen_base` of production: without `coroutine`, which is a library of its own there.
    pub fn open_base(lua) {
        static FUNCTIONS: std::sync::OnceLock<Vec<(&'static std::ffi::CStr, HostFn)>> = std::sync::OnceLock::new();
        let functions = FUNCTIONS.get_or_init(|| {
            let mut res = stock_functions("", &[
                c"assert", c"collectgarbage", c"dofile", c"error", c"gcinfo", c"getfenv", c"getmetatable",
                c"loadfile", c"load", c"loadstring", c"next", c"pcall", c"print", c"rawequal", c"rawget",
                c"rawset", c"select", c"setfenv", c"setmetatable", c"tonumber", c"tostring", c"type",
                c"unpack", c"xpcall",
            ]);
            for (name, function) in &mut res {
                if *name == c"tostring" {
                    *function = tostring;
                }
            }
            res
        });
        lua.push_value(GLOBALS);
        lua.set_field(GLOBALS, c"_G");
        lua.register(Some(c"_G"), functions);
        lua.push_bytes(b"Lua 5.1");
        lua.set_field(GLOBALS, c"_VERSION");
        for (name, function, inner) in [
            (c"ipairs", "ipairs", "ipairs.1"),
            (c"pairs", "pairs", "pairs.1"),
        ] {
            lua.push_fn(stock::function(inner));
            lua.push_closure(stock::function(function), 1);
            lua.set_field(-2, name);
        }
        lua.new_table(0, 1);
        lua.push_value(-1);
        lua.set_metatable(-2);
        lua.push_bytes(b"kv");
        lua.set_field(-2, c"__mode");
        lua.push_closure(stock::function("newproxy"), 1);
        lua.set_field(GLOBALS, c"newproxy");
        1
    }
}

host_call! {
    /// `tostring` of PUC 5.1 (`lbaselib.c`, `luaB_tostring`), with addresses told from one canonical base, so that
    /// neither the base of an arena nor the thread it runs on can be observed.
    fn tostring(lua) {
        lua.check_any(1);
        if lua.get_metatable(1) {
            lua.push_bytes(b"__tostring");
            lua.raw_get(-2);
            if lua.type_at(-1) != Type::Nil {
                lua.push_value(1);
                lua.call(1, 1);
                return 1;
            }
            lua.pop(2);
        }
        match lua.type_at(1) {
            Type::Number => {
                let text = lua.to_bytes(1).unwrap_or_default();
                lua.push_bytes(text);
            }
            Type::String => lua.push_value(1),
            Type::Boolean => lua.push_bytes(if lua.to_boolean(1) { b"true" } else { b"false" }),
            Type::Nil => lua.push_bytes(b"nil"),
            kind => {
                let shown = canonical(lua, kind, lua.to_pointer(1));
                if shown == 0 {
                    lua.push_format(format_args!("{}: (nil)", kind.name()));
                } else {
                    lua.push_format(format_args!("{}: {shown:#x}", kind.name()));
                }
            }
        }
        1
    }
}

/// The address to show for `pointer`: that of the first slot for memory of this VM, itself otherwise (light userdata
/// are numbers of the host's making and do not move).
pub(super) fn canonical(lua: Lua<'_>, kind: Type, pointer: *const c_void) -> usize {
    let address = pointer as usize;
    if kind == Type::LightUserdata && address & !(SLOT_SIZE - 1) != lua.raw() as usize & !(SLOT_SIZE - 1) {
        return address;
    }
    CANONICAL_BASE + (address & (SLOT_SIZE - 1))
}
