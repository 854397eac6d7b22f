//! The decoder that decides whether a record is a message: production's rules, exactly.

use super::{
    UUID_SIZE,
    scan::{Scanned, scan},
    wire::read_varint,
};

/// A range of a record's bytes; absent when the tag was not on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    start: u32,
    len: u32,
}

impl Span {
    /// Not on the wire. Distinct from present and empty.
    pub const ABSENT: Span = Span { start: u32::MAX, len: 0 };

    #[inline]
    pub(super) fn new(start: usize, len: usize) -> Span {
        Span { start: start as u32, len: len as u32 }
    }

    /// The bytes of this range in the record it was decoded from.
    #[inline]
    pub fn of(self, raw: &[u8]) -> Option<&[u8]> {
        if self.start == u32::MAX {
            return None;
        }
        raw.get(self.start as usize..self.start as usize + self.len as usize)
    }

    /// Its length in bytes, 0 when absent.
    #[inline]
    pub(super) fn len(self) -> usize {
        self.len as usize
    }

    /// Whether the range is present and holds exactly `bytes`.
    #[inline]
    pub(super) fn holds(self, raw: &[u8], bytes: &[u8]) -> bool {
        self.len as usize == bytes.len() && self.of(raw) == Some(bytes)
    }

    /// Whether the tag was on the wire.
    #[inline]
    pub fn is_present(self) -> bool {
        self.start != u32::MAX
    }
}

/// Where one field's parts are in the record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FieldSpan {
    /// The field's name; present in every decoded field.
    pub name: Span,
    /// `representation`, for example a unit.
    pub representation: Span,
    /// From the first value key (strings, bytes) or from behind the first value key and packed length (others)
    /// to the field's end.
    pub value: Span,
    /// `value_type` as on the wire, truncated to 32 bits; 0 when absent.
    pub value_type: i32,
}

/// The spans of one record. Reusable: decoding into it again allocates only when a record has more fields than
/// any before it.
#[derive(Clone, Debug, PartialEq)]
pub struct MessageIndex {
    pub(super) uuid: Span,
    pub(super) timestamp: i64,
    pub(super) type_: Span,
    pub(super) logger: Span,
    pub(super) severity: i32,
    pub(super) has_severity: bool,
    pub(super) payload: Span,
    pub(super) env_version: Span,
    pub(super) pid: i32,
    pub(super) hostname: Span,
    pub(super) fields: Vec<FieldSpan>,
}

/// Why bytes are not a message. The texts are those of production's decoder log
/// (component `lsb_decode_heka_message`, level 4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Zero bytes.
    #[error("pointer is NULL")]
    Empty,
    /// An item that is not allowed; `position` is the offset behind the last good top-level item.
    #[error("tag:{tag} wiretype:{wire_type} position:{position}")]
    Item {
        /// Protobuf tag of the item, 10 for anything inside a field.
        tag: u8,
        /// Its wire type.
        wire_type: u8,
        /// Offset in bytes from the start of the message.
        position: usize,
    },
    /// No Uuid on the wire.
    #[error("missing Uuid")]
    MissingUuid,
    /// No Timestamp on the wire.
    #[error("missing Timestamp")]
    MissingTimestamp,
}

impl Default for MessageIndex {
    fn default() -> Self {
        MessageIndex {
            uuid: Span::ABSENT,
            timestamp: 0,
            type_: Span::ABSENT,
            logger: Span::ABSENT,
            severity: 7,
            has_severity: false,
            payload: Span::ABSENT,
            env_version: Span::ABSENT,
            pid: i32::MIN,
            hostname: Span::ABSENT,
            fields: Vec::new(),
        }
    }
}

impl MessageIndex {
    /// Decodes `raw`, replacing what the index held. After an error the content is unspecified.
    ///
    /// # Errors
    ///
    /// See [`DecodeError`]; the rules are those of `lua_sandbox` `src/util/heka_message.c:217-334`.
    pub fn decode(&mut self, raw: &[u8]) -> Result<(), DecodeError> {
        self.clear();
        let Scanned { at, has_timestamp } = scan(raw, self);
        if at == raw.len() && has_timestamp {
            return Ok(());
        }
        self.decode_from(raw, at, has_timestamp)
    }

    /// [`MessageIndex::decode`] without the fast half, to compare with.
    #[cfg(test)]
    pub(super) fn decode_plain(&mut self, raw: &[u8]) -> Result<(), DecodeError> {
        self.clear();
        self.decode_from(raw, 0, false)
    }

    #[inline]
    fn clear(&mut self) {
        self.uuid = Span::ABSENT;
        self.timestamp = 0;
        self.type_ = Span::ABSENT;
        self.logger = Span::ABSENT;
        self.severity = 7;
        self.has_severity = false;
        self.payload = Span::ABSENT;
        self.env_version = Span::ABSENT;
        self.pid = i32::MIN;
        self.hostname = Span::ABSENT;
        self.fields.clear();
    }

    /// Decodes the items from `at` on; what is before them is decoded.
    #[inline(never)]
    fn decode_from(&mut self, raw: &[u8], mut at: usize, mut has_timestamp: bool) -> Result<(), DecodeError> {
        if raw.is_empty() {
            return Err(DecodeError::Empty);
        }
        while at < raw.len() {
            let key = raw[at];
            let (tag, wire_type) = (key >> 3, key & 7);
            let next = match tag {
                1 => read_string(raw, raw.len(), at + 1, wire_type).and_then(|(span, next)| {
                    self.uuid = span;
                    (span.len as usize == UUID_SIZE).then_some(next)
                }),
                2 => read_integer(raw, raw.len(), at + 1, wire_type).map(|(value, next)| {
                    self.timestamp = value;
                    has_timestamp = true;
                    next
                }),
                3 => store_string(raw, at + 1, wire_type, &mut self.type_),
                4 => store_string(raw, at + 1, wire_type, &mut self.logger),
                5 => read_integer(raw, raw.len(), at + 1, wire_type).map(|(value, next)| {
                    self.severity = value as i32;
                    self.has_severity = true;
                    next
                }),
                6 => store_string(raw, at + 1, wire_type, &mut self.payload),
                7 => store_string(raw, at + 1, wire_type, &mut self.env_version),
                8 => read_integer(raw, raw.len(), at + 1, wire_type).map(|(value, next)| {
                    self.pid = value as i32;
                    next
                }),
                9 => store_string(raw, at + 1, wire_type, &mut self.hostname),
                10 if wire_type == 2 => decode_field(raw, at + 1).map(|(field, next)| {
                    self.fields.push(field);
                    next
                }),
                _ => None,
            };
            match next {
                Some(next) => at = next,
                None => return Err(DecodeError::Item { tag, wire_type, position: at }),
            }
        }
        if !self.uuid.is_present() {
            return Err(DecodeError::MissingUuid);
        }
        if !has_timestamp {
            return Err(DecodeError::MissingTimestamp);
        }
        Ok(())
    }
}

fn store_string(raw: &[u8], at: usize, wire_type: u8, to: &mut Span) -> Option<usize> {
    let (span, next) = read_string(raw, raw.len(), at, wire_type)?;
    *to = span;
    Some(next)
}

fn read_string(raw: &[u8], end: usize, at: usize, wire_type: u8) -> Option<(Span, usize)> {
    if wire_type != 2 {
        return None;
    }
    let (start, next) = read_length(raw, end, at)?;
    Some((Span::new(start, next - start), next))
}

/// Reads a length; the range it covers.
fn read_length(raw: &[u8], end: usize, at: usize) -> Option<(usize, usize)> {
    let (len, start) = read_varint(&raw[..end], at)?;
    let len = usize::try_from(len).ok()?;
    (len <= end - start).then(|| (start, start + len))
}

fn read_integer(raw: &[u8], end: usize, at: usize, wire_type: u8) -> Option<(i64, usize)> {
    if wire_type != 0 {
        return None;
    }
    read_varint(&raw[..end], at)
}

/// Decodes one field whose length is at `at`; its spans and the offset behind it.
fn decode_field(raw: &[u8], at: usize) -> Option<(FieldSpan, usize)> {
    let (mut at, end) = read_length(raw, raw.len(), at)?;
    let mut field =
        FieldSpan { name: Span::ABSENT, representation: Span::ABSENT, value: Span::ABSENT, value_type: 0 };
    while at < end {
        let key = raw[at];
        let (tag, wire_type) = (key >> 3, key & 7);
        match (tag, wire_type) {
            (1, _) => (field.name, at) = read_string(raw, end, at + 1, wire_type)?,
            (2, _) => {
                let (value, next) = read_integer(raw, end, at + 1, wire_type)?;
                field.value_type = value as i32;
                at = next;
            }
            (3, _) => (field.representation, at) = read_string(raw, end, at + 1, wire_type)?,
            // Values are not looked at: the first key ends the field, whatever follows it.
            (4 | 5, 2) => {
                field.value = Span::new(at, end - at);
                at = end;
            }
            (6 | 8, 0) | (7, 1) => {
                field.value = Span::new(at + 1, end - at - 1);
                at = end;
            }
            (6..=8, 2) => {
                let (start, _) = read_length(raw, end, at + 1)?;
                field.value = Span::new(start, end - start);
                at = end;
            }
            _ => return None,
        }
    }
    field.name.is_present().then_some((field, end))
}
