//! The functions a plugin can call, one file each, named as in Lua.

pub mod add_to_payload;
pub mod decode_message;
pub mod inject_message;
pub mod inject_payload;
pub mod print;
pub mod read_config;
pub mod read_message;
