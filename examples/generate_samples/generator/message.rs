//! Building records.

use cepshim::message::{FieldValues, OwnedField, OwnedMessage, write_frame_header};

use super::Record;

/// A message being built, with the types that are handy here.
#[derive(Clone, Default)]
pub struct Message {
    pub uuid: [u8; 16],
    pub timestamp: i64,
    pub type_: Option<&'static str>,
    pub logger: Option<&'static str>,
    pub severity: Option<i32>,
    pub payload: Option<Vec<u8>>,
    pub env_version: Option<&'static str>,
    pub pid: Option<i32>,
    pub hostname: Option<String>,
    pub fields: Vec<OwnedField>,
}

impl Message {
    /// Appends a field with one text.
    pub fn text(&mut self, name: &str, value: impl Into<String>) {
        self.field(name, None, FieldValues::String(vec![value.into().into_bytes()]));
    }

    /// Appends a field with one double; a Lua decoder makes doubles of all its numbers.
    pub fn number(&mut self, name: &str, value: f64, representation: Option<&str>) {
        self.field(name, representation, FieldValues::Double(vec![value]));
    }

    /// Appends a field.
    pub fn field(&mut self, name: &str, representation: Option<&str>, value: FieldValues) {
        let representation = representation.map(Into::into);
        self.fields.push(OwnedField { name: name.into(), representation, value });
    }

    /// The framed record.
    pub fn record(&self) -> Record {
        let owned = OwnedMessage {
            uuid: self.uuid,
            timestamp: self.timestamp,
            type_: self.type_.map(Into::into),
            logger: self.logger.map(Into::into),
            severity: self.severity,
            payload: self.payload.clone(),
            env_version: self.env_version.map(Into::into),
            pid: self.pid,
            hostname: self.hostname.clone().map(String::into_bytes),
            fields: self.fields.clone(),
        };
        let mut message = Vec::new();
        owned.encode(&mut message);
        let mut bytes = Vec::with_capacity(message.len() + 14);
        write_frame_header(&mut bytes, message.len());
        bytes.extend_from_slice(&message);
        Record {
            bytes,
            timestamp: self.timestamp,
            type_: self.type_.unwrap_or_default().into(),
            doc_type: self.doc_type(),
        }
    }

    fn doc_type(&self) -> Option<String> {
        match &self.fields.iter().find(|it| it.name == b"docType")?.value {
            FieldValues::String(values) => String::from_utf8(values.first()?.clone()).ok(),
            _ => None,
        }
    }
}
