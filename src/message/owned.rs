//! A message that owns its content: what is made rather than read.

use super::{
    Field, Message, UUID_SIZE,
    value::{Packed, Strings},
};

/// A message by its content. [`OwnedMessage::encode`] writes it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OwnedMessage {
    /// `Uuid`, 16 raw bytes.
    pub uuid: [u8; UUID_SIZE],
    /// `Timestamp`, nanoseconds since the epoch.
    pub timestamp: i64,
    /// `Type`.
    pub type_: Option<Vec<u8>>,
    /// `Logger`.
    pub logger: Option<Vec<u8>>,
    /// `Severity`; reads as 7 when absent.
    pub severity: Option<i32>,
    /// `Payload`.
    pub payload: Option<Vec<u8>>,
    /// `EnvVersion`.
    pub env_version: Option<Vec<u8>>,
    /// `Pid`; `i32::MIN` reads as absent.
    pub pid: Option<i32>,
    /// `Hostname`.
    pub hostname: Option<Vec<u8>>,
    /// `Fields`; names may repeat.
    pub fields: Vec<OwnedField>,
}

/// One field.
#[derive(Clone, Debug, PartialEq)]
pub struct OwnedField {
    /// The name.
    pub name: Vec<u8>,
    /// `representation`, for example a unit.
    pub representation: Option<Vec<u8>>,
    /// The values and their type.
    pub value: FieldValues,
}

/// The values of a field: all of one type, usually one.
#[derive(Clone, Debug, PartialEq)]
pub enum FieldValues {
    /// `value_type` 0.
    String(Vec<Vec<u8>>),
    /// `value_type` 1.
    Bytes(Vec<Vec<u8>>),
    /// `value_type` 2.
    Integer(Vec<i64>),
    /// `value_type` 3.
    Double(Vec<f64>),
    /// `value_type` 4.
    Bool(Vec<bool>),
}

impl FieldValues {
    /// The number that stands for the type on the wire.
    pub fn value_type(&self) -> i32 {
        match self {
            FieldValues::String(_) => 0,
            FieldValues::Bytes(_) => 1,
            FieldValues::Integer(_) => 2,
            FieldValues::Double(_) => 3,
            FieldValues::Bool(_) => 4,
        }
    }
}

impl From<Message<'_>> for OwnedMessage {
    /// The content as far as it can be read: values behind a malformed one, and all values of an unknown
    /// `value_type`, are left out; a bool is whether its number is not zero.
    fn from(message: Message<'_>) -> Self {
        let owned = |it: Option<&[u8]>| it.map(<[u8]>::to_vec);
        OwnedMessage {
            uuid: message.uuid().try_into().unwrap_or_default(),
            timestamp: message.timestamp(),
            type_: owned(message.type_()),
            logger: owned(message.logger()),
            severity: message.severity_on_wire(),
            payload: owned(message.payload()),
            env_version: owned(message.env_version()),
            pid: (message.pid() != i32::MIN).then(|| message.pid()),
            hostname: owned(message.hostname()),
            fields: message.fields().map(OwnedField::from).collect(),
        }
    }
}

impl From<Field<'_>> for OwnedField {
    fn from(field: Field<'_>) -> Self {
        let bytes = field.value_bytes();
        let strings = || Strings::new(bytes).map(<[u8]>::to_vec).collect();
        let value = match field.value_type() {
            1 => FieldValues::Bytes(strings()),
            2 => FieldValues::Integer(Packed::new(bytes).collect()),
            3 => {
                let double = |it: &[u8]| f64::from_le_bytes(it.try_into().unwrap_or_default());
                FieldValues::Double(bytes.chunks_exact(8).map(double).collect())
            }
            4 => FieldValues::Bool(Packed::new(bytes).map(|it| it != 0).collect()),
            0 => FieldValues::String(strings()),
            _ => FieldValues::String(Vec::new()),
        };
        OwnedField {
            name: field.name().to_vec(),
            representation: field.representation().map(<[u8]>::to_vec),
            value,
        }
    }
}
