//! The Heka message: borrowed view, lazy reading, encoding, rendering.
//!
//! A record's bytes are decoded once into a [`MessageIndex`]: a reusable table of spans, so that the hot loop
//! allocates nothing and copies nothing. A [`Message`] is the pair of bytes and index, two pointers, and is what
//! the matcher, the sandbox and the renderers read from.
//!
//! Decoding accepts and rejects exactly what production's decoder does (`lua_sandbox` `src/util/heka_message.c:130-334`):
//! keys are single bytes, an unknown tag rejects the whole message, and the values of a field are *not* looked at
//! until somebody reads them. That last rule is why reading a value (`heka_message.c:66-116`) is a second, equally
//! forgiving little decoder here.

#[cfg(test)]
mod arbitrary;
mod decode;
mod encode;
pub mod json;
mod owned;
pub mod render;
mod scan;
mod value;
mod wire;

pub use decode::{DecodeError, FieldSpan, MessageIndex, Span};
pub use owned::{FieldValues, OwnedField, OwnedMessage};
pub use value::{Field, Message, Value};
pub use wire::{read_varint, write_frame_header, write_varint};

/// The record separator that opens a frame.
pub const RECORD_SEPARATOR: u8 = 0x1e;
/// The unit separator between a frame's header and its message.
pub const UNIT_SEPARATOR: u8 = 0x1f;
/// The longest frame header: three framing bytes and 255 bytes of header.
pub const MAX_HEADER_SIZE: usize = 258;
/// The length of a Uuid in bytes.
pub const UUID_SIZE: usize = 16;
