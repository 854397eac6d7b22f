//! A fingerprint of everything a script can reach, independent of where in memory it is.
//!
//! Two VMs that behave the same have the same digest, whatever their bases; tests compare digests where they cannot
//! compare bytes. The walk follows globals, tables, metatables, upvalues and environments in `next` order, which is
//! itself deterministic and part of what is fingerprinted.
#![allow(unsafe_code)]

use std::{collections::HashMap, ffi::CStr, hash::Hasher, slice};

use mlua::ffi;
use siphasher::sip::SipHasher13;

use super::{
    Vm,
    lua::{Lua, Type},
};

struct Walk<'l> {
    lua: Lua<'l>,
    seen: HashMap<usize, u64>,
    hasher: SipHasher13,
}

impl Vm {
    /// The fingerprint of the state reachable from the globals.
    pub fn digest(&mut self) -> u64 {
        let lua = self.lua();
        let top = lua.top();
        let mut walk = Walk { lua, seen: HashMap::new(), hasher: SipHasher13::new() };
        // Nothing below raises: no step allocates from Lua except growing the stack, which reports failure instead.
        if lua.try_stack(8) {
            lua.push_value(ffi::LUA_GLOBALSINDEX);
            walk.value();
        }
        lua.set_top(top);
        walk.hasher.finish()
    }
}

impl Walk<'_> {
    /// Hashes the value on top and drops it.
    fn value(&mut self) {
        let lua = self.lua;
        let kind = lua.type_at(-1);
        self.hasher.write_u8(kind as u8);
        match kind {
            Type::Boolean => self.hasher.write_u8(u8::from(lua.to_boolean(-1))),
            Type::Number => self.hasher.write_u64(lua.to_number(-1).to_bits()),
            Type::String => {
                let bytes = lua.to_bytes(-1).unwrap_or_default();
                self.hasher.write_usize(bytes.len());
                self.hasher.write(bytes);
            }
            Type::Table | Type::Function | Type::Userdata | Type::Thread => self.object(kind),
            Type::None | Type::Nil | Type::LightUserdata => {}
        }
        lua.pop(1);
    }

    fn object(&mut self, kind: Type) {
        let lua = self.lua;
        let number = self.seen.len() as u64;
        let known = *self.seen.entry(lua.to_pointer(-1) as usize).or_insert(number);
        self.hasher.write_u64(known);
        if known != number || !lua.try_stack(6) {
            return;
        }
        match kind {
            Type::Table => self.entries(),
            Type::Function => self.function(),
            Type::Userdata => {
                let (block, len) = (lua.to_userdata(-1).cast::<u8>(), lua.raw_len(-1));
                // SAFETY: a live userdata block of that size.
                self.hasher.write(unsafe { slice::from_raw_parts(block, len) });
            }
            _ => {}
        }
        if matches!(kind, Type::Table | Type::Userdata) && lua.get_metatable(-1) {
            self.value();
        }
    }

    fn entries(&mut self) {
        let lua = self.lua;
        lua.push_nil();
        while lua.next(-2) {
            lua.push_value(-2);
            self.value();
            self.value();
        }
    }

    fn function(&mut self) {
        let lua = self.lua;
        if lua.to_host_fn(-1).is_none() {
            // SAFETY: `lua_getinfo` with `>` takes the function copied to the top and fills the structure.
            unsafe {
                let mut ar: ffi::lua_Debug = std::mem::zeroed();
                lua.push_value(-1);
                if ffi::lua_getinfo(lua.raw(), c">S".as_ptr(), &raw mut ar) != 0 {
                    self.hasher.write(CStr::from_ptr(ar.source).to_bytes());
                    self.hasher.write_i32(ar.linedefined);
                }
            }
        }
        for n in 1.. {
            // SAFETY: pushes the upvalue or returns null.
            if unsafe { ffi::lua_getupvalue(lua.raw(), -1, n) }.is_null() {
                break;
            }
            self.value();
        }
    }
}
