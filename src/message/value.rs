//! Reading a message through its index.

use super::{FieldSpan, MessageIndex, UUID_SIZE, wire::read_varint};

/// A decoded message: its bytes and where everything is in them.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    raw: &'a [u8],
    index: &'a MessageIndex,
}

/// One field of a message.
#[derive(Clone, Copy, Debug)]
pub struct Field<'a> {
    raw: &'a [u8],
    span: &'a FieldSpan,
}

/// An element of a field as `read_message` and the matcher see it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value<'a> {
    /// A string or bytes value.
    String(&'a [u8]),
    /// An integer (converted to a double, as in production) or a double.
    Number(f64),
    /// A bool, with the number that was stored for it: 2 is neither TRUE nor FALSE to the matcher.
    Bool(f64),
}

impl<'a> Message<'a> {
    /// The message whose bytes `raw` were decoded into `index`.
    #[inline]
    pub fn new(raw: &'a [u8], index: &'a MessageIndex) -> Self {
        Message { raw, index }
    }

    /// The message's bytes, without framing.
    #[inline]
    pub fn raw(&self) -> &'a [u8] {
        self.raw
    }

    /// The index behind this view.
    #[inline]
    pub fn index(&self) -> &'a MessageIndex {
        self.index
    }

    /// The 16 raw bytes of the Uuid.
    #[inline]
    pub fn uuid(&self) -> &'a [u8] {
        self.index.uuid.of(self.raw).unwrap_or(&[0; UUID_SIZE])
    }

    /// Nanoseconds since the epoch.
    #[inline]
    pub fn timestamp(&self) -> i64 {
        self.index.timestamp
    }

    /// `Type`, if present.
    #[inline]
    pub fn type_(&self) -> Option<&'a [u8]> {
        self.index.type_.of(self.raw)
    }

    /// Whether `Type` is present and is `name`: the commonest first test of a matcher, so it looks at the length first.
    #[inline]
    pub fn type_is(&self, name: &[u8]) -> bool {
        self.index.type_.holds(self.raw, name)
    }

    /// `Logger`, if present.
    #[inline]
    pub fn logger(&self) -> Option<&'a [u8]> {
        self.index.logger.of(self.raw)
    }

    /// `Severity`; 7 when absent.
    #[inline]
    pub fn severity(&self) -> i32 {
        self.index.severity
    }

    /// `Severity` if it was on the wire, which [`Message::severity`] does not tell from 7.
    #[inline]
    pub fn severity_on_wire(&self) -> Option<i32> {
        self.index.has_severity.then_some(self.index.severity)
    }

    /// `Payload`, if present.
    #[inline]
    pub fn payload(&self) -> Option<&'a [u8]> {
        self.index.payload.of(self.raw)
    }

    /// `EnvVersion`, if present.
    #[inline]
    pub fn env_version(&self) -> Option<&'a [u8]> {
        self.index.env_version.of(self.raw)
    }

    /// `Pid`; `i32::MIN` when absent, as in production.
    #[inline]
    pub fn pid(&self) -> i32 {
        self.index.pid
    }

    /// `Hostname`, if present.
    #[inline]
    pub fn hostname(&self) -> Option<&'a [u8]> {
        self.index.hostname.of(self.raw)
    }

    /// The fields in wire order.
    pub fn fields(&self) -> impl ExactSizeIterator<Item = Field<'a>> + use<'a> {
        let raw = self.raw;
        self.index.fields.iter().map(move |span| Field { raw, span })
    }

    /// Element `array_index` of the `field_index`-th field called `name`, both from zero
    /// (`heka_message.c:481-522`).
    #[inline]
    pub fn read(&self, name: &[u8], field_index: usize, array_index: usize) -> Option<Value<'a>> {
        let mut seen = 0;
        for span in &self.index.fields {
            if span.name.len() == name.len() && span.name.of(self.raw).is_some_and(|it| same_name(it, name)) {
                if seen == field_index {
                    return Field { raw: self.raw, span }.value(array_index);
                }
                seen += 1;
            }
        }
        None
    }
}

impl<'a> Field<'a> {
    /// The field's name.
    #[inline]
    pub fn name(&self) -> &'a [u8] {
        self.span.name.of(self.raw).unwrap_or_default()
    }

    /// `representation`, if present.
    pub fn representation(&self) -> Option<&'a [u8]> {
        self.span.representation.of(self.raw)
    }

    /// `value_type` as on the wire: 0 string, 1 bytes, 2 integer, 3 double, 4 bool; other numbers are possible.
    pub fn value_type(&self) -> i32 {
        self.span.value_type
    }

    /// The undecoded bytes of the value or values, empty when there is none.
    pub fn value_bytes(&self) -> &'a [u8] {
        self.span.value.of(self.raw).unwrap_or_default()
    }

    /// Element `array_index` from zero, interpreted by `value_type`; `None` when it cannot be read.
    pub fn value(&self, array_index: usize) -> Option<Value<'a>> {
        let bytes = self.value_bytes();
        match self.span.value_type {
            0 | 1 => string_element(bytes, array_index).map(Value::String),
            2 => integer_element(bytes, array_index).map(|it| Value::Number(it as f64)),
            3 => {
                let at = array_index.checked_mul(8)?;
                let element = bytes.get(at..at.checked_add(8)?)?;
                Some(Value::Number(f64::from_le_bytes(element.try_into().ok()?)))
            }
            4 => integer_element(bytes, array_index).map(|it| Value::Bool(it as f64)),
            _ => None,
        }
    }
}

/// Production compares names of equal length with `strncmp`: a NUL in both ends the comparison.
#[inline]
fn same_name(left: &[u8], right: &[u8]) -> bool {
    left.len() == right.len() && (left == right || same_up_to_nul(left, right))
}

#[cold]
fn same_up_to_nul(left: &[u8], right: &[u8]) -> bool {
    for (left, right) in left.iter().zip(right) {
        if left != right {
            return false;
        }
        if *left == 0 {
            return true;
        }
    }
    true
}

fn string_element(bytes: &[u8], index: usize) -> Option<&[u8]> {
    Strings::new(bytes).nth(index)
}

fn integer_element(bytes: &[u8], index: usize) -> Option<i64> {
    Packed::new(bytes).nth(index)
}

/// The elements of a string or bytes value. Every item must be a key of wire type 2 with a length; anything else ends
/// the list.
#[derive(Clone, Debug)]
pub(super) struct Strings<'a> {
    rest: &'a [u8],
}

impl<'a> Strings<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Strings { rest: bytes }
    }

    /// What is left: empty unless the list ended at something malformed.
    pub(super) fn rest(&self) -> &'a [u8] {
        self.rest
    }
}

impl<'a> Iterator for Strings<'a> {
    type Item = &'a [u8];

    #[inline]
    fn next(&mut self) -> Option<&'a [u8]> {
        let key = *self.rest.first()?;
        if key & 7 != 2 {
            return None;
        }
        let (len, start) = read_varint(self.rest, 1)?;
        let end = start.checked_add(usize::try_from(len).ok()?)?;
        let element = self.rest.get(start..end)?;
        self.rest = &self.rest[end..];
        Some(element)
    }
}

/// The varints of an integer or bool value; a malformed one ends the list.
#[derive(Clone, Debug)]
pub(super) struct Packed<'a> {
    rest: &'a [u8],
}

impl<'a> Packed<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Packed { rest: bytes }
    }

    /// What is left: empty unless the list ended at something malformed.
    pub(super) fn rest(&self) -> &'a [u8] {
        self.rest
    }
}

impl Iterator for Packed<'_> {
    type Item = i64;

    #[inline]
    fn next(&mut self) -> Option<i64> {
        let (value, end) = read_varint(self.rest, 0)?;
        self.rest = &self.rest[end..];
        Some(value)
    }
}
