//! `maxminddb`: where addresses are, from a database file (lua-maxminddb 0.2.3 over libmaxminddb).
//!
//! * [`address`]: numeric addresses as the system's resolver reads them. [`value`]: what stands at a path.
//! * Here: the binding's functions, and its errors, which are the library's texts.
//!
//! The file is read whole and is a constant of the sandbox ([`crate::sandbox::resource`]), named by its path and a hash of
//! its content: nothing is pinned. A result is its database's number and the address, and is looked up again when it is
//! asked for a value; unlike production's it does not dangle when the database is collected.

mod address;
#[cfg(test)]
mod tests;
mod value;
#[cfg(test)]
pub mod writer;

use std::{ffi::CStr, hash::Hasher as _, net::IpAddr};

use bytemuck::{Pod, Zeroable};
use maxminddb::{MaxMindDbError, Reader};
use siphasher::sip128::{Hasher128 as _, SipHasher13};

use self::value::Value;
use crate::{
    modules::object::{Class, Object},
    sandbox::{
        Kind, NativeModule,
        host::{of_context, push_scratch},
    },
    vm::{Lua, host_call},
};

/// The module.
pub const MODULE: NativeModule = NativeModule {
    name: "maxminddb",
    open: open_module,
    io_only: true,
    version: "0.2.3",
    kind: Kind::BuiltIn,
};

const DATABASE: Class = Class { name: c"MMDB_s" };
const RESULT: Class = Class { name: c"MMDB_lookup_result_s" };
/// Size of production's database object, behind the head.
const DATABASE_TAIL: usize = 136 - size_of::<DatabaseHead>();
/// Size of production's result, behind the head.
const RESULT_TAIL: usize = 32 - size_of::<ResultHead>();
/// What stands in front of a database's description of itself.
const METADATA: &[u8] = b"\xab\xcd\xefMaxMind.com";
/// The binding looks at so many steps of a path.
const MAX_PATH: usize = 13;

#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct DatabaseHead {
    /// The constant's number.
    constant: u64,
}

#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct ResultHead {
    constant: u32,
    is_ipv4: u32,
    /// An IPv4 address stands in the last four bytes.
    address: [u8; 16],
}

impl ResultHead {
    fn new(constant: u32, address: IpAddr) -> ResultHead {
        let (is_ipv4, bits) = match address {
            IpAddr::V4(it) => (1, u128::from(it.to_bits())),
            IpAddr::V6(it) => (0, it.to_bits()),
        };
        ResultHead { constant, is_ipv4, address: bits.to_be_bytes() }
    }

    fn address(&self) -> IpAddr {
        let bits = u128::from_be_bytes(self.address);
        if self.is_ipv4 == 0 { IpAddr::V6(bits.into()) } else { IpAddr::V4((bits as u32).into()) }
    }
}

/// Why there is no value; the library's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
enum Failure {
    #[error("Success (not an error)")]
    NotFound,
    #[error("Error opening the specified MaxMind DB file")]
    FileOpen,
    #[error("The MaxMind DB file's search tree is corrupt")]
    CorruptSearchTree,
    #[error("The MaxMind DB file contains invalid metadata")]
    InvalidMetadata,
    #[error("An attempt to read data from the MaxMind DB file failed")]
    Io,
    #[error("The MaxMind DB file's data section contains bad data (unknown data type or corrupt data)")]
    InvalidData,
    #[error("The lookup path contained an invalid value (like a negative integer for an array index)")]
    InvalidLookupPath,
    #[error(
        "The lookup path does not match the data (key that doesn't exist, array index bigger than the array, \
         expected array or map where none exists)"
    )]
    PathDoesNotMatch,
    #[error("You attempted to look up an IPv6 address in an IPv4-only database")]
    Ipv6InIpv4,
    /// The resolver's.
    #[error("Name or service not known")]
    UnknownName,
    /// The binding's.
    #[error("Unsupported maxmind data type")]
    UnsupportedType,
}

/// Raises the text alone: the binding gives no position.
fn raise(lua: Lua<'_>, failure: Failure) -> ! {
    lua.push_format(format_args!("{failure}"));
    lua.throw()
}

host_call! {
    fn open_module(lua) {
        lua.register(Some(c"maxminddb"), &[(c"open", open)]);
        define(lua, &DATABASE, c"lookup", lookup);
        define(lua, &RESULT, c"get", get);
        1
    }
}

/// Makes a metatable whose methods stand in a table of their own, as the binding's do.
fn define(lua: Lua<'_>, class: &Class, method: &CStr, function: crate::vm::HostFn) {
    lua.new_metatable(class.name);
    if class.name == DATABASE.name {
        lua.register(None, &[(c"__gc", collect)]);
    }
    lua.new_table(0, 0);
    lua.register(None, &[(method, function)]);
    lua.set_field(-2, c"__index");
    lua.pop(1);
}

/// The object of `class` at argument 1. Both classes are made by functions of one environment, so the name decides.
fn check<'l, H: Pod>(lua: Lua<'l>, class: &Class) -> Object<'l, H> {
    lua.check_userdata(1, class.name);
    Object::check(lua, 1, class)
}

host_call! {
    /// Production closes the file; ours stays, but the collector's work is to be the same.
    fn collect(lua) {
        check::<DatabaseHead>(lua, &DATABASE);
        0
    }
}

host_call! {
    fn open(lua) {
        let path = lua.check_c_str(1).to_bytes();
        let database = Object::push_new(lua, &DATABASE, DatabaseHead { constant: u64::MAX }, DATABASE_TAIL);
        let read = lua.work(|context| read(&mut of_context(context).resources, path));
        match read {
            Ok(constant) => database.head().set(DatabaseHead { constant: constant.into() }),
            Err(failure) => raise(lua, failure),
        }
        1
    }
}

/// Reads the file; the number of the constant it is.
fn read(resources: &mut crate::sandbox::resource::Resources, path: &[u8]) -> Result<u32, Failure> {
    use std::os::unix::ffi::OsStrExt as _;

    let file = std::path::Path::new(std::ffi::OsStr::from_bytes(path));
    if file.is_dir() {
        return Err(Failure::Io);
    }
    let content = std::fs::read(file).map_err(|_| Failure::FileOpen)?;
    if content.is_empty() {
        return Err(Failure::Io);
    }
    let mut hasher = SipHasher13::new();
    hasher.write(&content);
    let mut key = path.to_vec();
    key.push(0);
    key.extend_from_slice(&hasher.finish128().as_bytes());
    let failure = if memchr::memmem::find(&content, METADATA).is_some() {
        Failure::InvalidData
    } else {
        Failure::InvalidMetadata
    };
    resources.constant(&key, || Reader::from_source(content).map_err(|_| failure))
}

host_call! {
    fn lookup(lua) {
        let constant = check::<DatabaseHead>(lua, &DATABASE).head().get().constant as u32;
        let text = lua.check_c_str(2).to_bytes();
        let head = ResultHead::new(u32::MAX, IpAddr::V4(0.into()));
        let result = Object::push_new(lua, &RESULT, head, RESULT_TAIL);
        let found = lua.work(|context| {
            let reader = of_context(context).resources.get_constant::<Reader<Vec<u8>>>(constant);
            let reader = reader.ok_or(Failure::InvalidData)?;
            let address = address::parse(text).ok_or(Failure::UnknownName)?;
            let entry = reader.lookup(address).map_err(|error| tree_failure(&error))?;
            if entry.has_data() { Ok(address) } else { Err(Failure::NotFound) }
        });
        match found {
            Ok(address) => result.head().set(ResultHead::new(constant, address)),
            Err(failure) => raise(lua, failure),
        }
        1
    }
}

fn tree_failure(error: &MaxMindDbError) -> Failure {
    match error {
        MaxMindDbError::InvalidInput { .. } => Failure::Ipv6InIpv4,
        _ => Failure::CorruptSearchTree,
    }
}

/// A value that outlives the work that found it: bytes are in the host's scratch memory.
#[derive(Clone, Copy)]
enum Found {
    Number(f64),
    Bytes,
}

host_call! {
    fn get(lua) {
        let head = check::<ResultHead>(lua, &RESULT).head().get();
        let mut path: [&[u8]; MAX_PATH] = [b""; MAX_PATH];
        let mut len = 0;
        while len < MAX_PATH && len as std::ffi::c_int + 2 <= lua.top() {
            path[len] = lua.check_c_str(len as std::ffi::c_int + 2).to_bytes();
            len += 1;
        }
        let path = &path[..len];
        let found = lua.work(|context| {
            let host = of_context(context);
            let reader = host.resources.get_constant::<Reader<Vec<u8>>>(head.constant);
            let reader = reader.ok_or(Failure::InvalidData)?;
            let entry = reader.lookup(head.address()).map_err(|error| tree_failure(&error))?;
            match value::at_path(&entry, path)? {
                Value::Number(number) => Ok(Found::Number(number)),
                Value::Bytes(bytes) => {
                    host.scratch.clear();
                    host.scratch.extend_from_slice(bytes);
                    Ok(Found::Bytes)
                }
                Value::Map | Value::Array | Value::Other => Err(Failure::UnsupportedType),
            }
        });
        match found {
            Ok(Found::Number(number)) => lua.push_number(number),
            Ok(Found::Bytes) => push_scratch(lua),
            Err(failure) => raise(lua, failure),
        }
        1
    }
}
