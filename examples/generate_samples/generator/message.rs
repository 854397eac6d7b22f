//! Building and encoding records.

use cepshim::message::{write_frame_header, write_varint};

use super::Record;

/// A message being built; encoded in production's order: headers, then fields in the order given.
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
    pub fields: Vec<Field>,
}

/// One field.
#[derive(Clone)]
pub struct Field {
    pub name: &'static str,
    pub representation: Option<&'static str>,
    pub value: Values,
}

/// The values of a field.
#[derive(Clone)]
pub enum Values {
    Strings(Vec<String>),
    Bytes(Vec<Vec<u8>>),
    Integers(Vec<i64>),
    Doubles(Vec<f64>),
    Bools(Vec<bool>),
}

impl Message {
    /// Appends a field with one text.
    pub fn text(&mut self, name: &'static str, value: impl Into<String>) {
        self.field(name, None, Values::Strings(vec![value.into()]));
    }

    /// Appends a field with one double; a Lua decoder makes doubles of all its numbers.
    pub fn number(&mut self, name: &'static str, value: f64, representation: Option<&'static str>) {
        self.field(name, representation, Values::Doubles(vec![value]));
    }

    /// Appends a field.
    pub fn field(&mut self, name: &'static str, representation: Option<&'static str>, value: Values) {
        self.fields.push(Field { name, representation, value });
    }

    /// The framed record.
    pub fn record(&self) -> Record {
        let message = self.encode();
        let mut bytes = Vec::with_capacity(message.len() + 14);
        write_frame_header(&mut bytes, message.len());
        bytes.extend_from_slice(&message);
        let doc_type = self.fields.iter().find(|it| it.name == "docType").and_then(|it| match &it.value {
            Values::Strings(values) => values.first().cloned(),
            _ => None,
        });
        Record { bytes, timestamp: self.timestamp, type_: self.type_.unwrap_or_default().into(), doc_type }
    }

    fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        write_bytes(&mut out, 1, &self.uuid);
        write_integer(&mut out, 2, self.timestamp);
        let mut header = |tag, value: Option<&[u8]>| {
            if let Some(value) = value {
                write_bytes(&mut out, tag, value);
            }
        };
        header(3, self.type_.map(str::as_bytes));
        header(4, self.logger.map(str::as_bytes));
        if let Some(severity) = self.severity {
            write_integer(&mut out, 5, i64::from(severity));
        }
        let mut header = |tag, value: Option<&[u8]>| {
            if let Some(value) = value {
                write_bytes(&mut out, tag, value);
            }
        };
        header(6, self.payload.as_deref());
        header(7, self.env_version.map(str::as_bytes));
        if let Some(pid) = self.pid {
            write_integer(&mut out, 8, i64::from(pid));
        }
        if let Some(hostname) = &self.hostname {
            write_bytes(&mut out, 9, hostname.as_bytes());
        }
        for field in &self.fields {
            write_bytes(&mut out, 10, &encode_field(field));
        }
        out
    }
}

fn encode_field(field: &Field) -> Vec<u8> {
    let mut out = Vec::new();
    write_bytes(&mut out, 1, field.name.as_bytes());
    let value_type = match field.value {
        Values::Strings(_) => 0,
        Values::Bytes(_) => 1,
        Values::Integers(_) => 2,
        Values::Doubles(_) => 3,
        Values::Bools(_) => 4,
    };
    if value_type != 0 {
        write_integer(&mut out, 2, value_type);
    }
    if let Some(representation) = field.representation {
        write_bytes(&mut out, 3, representation.as_bytes());
    }
    match &field.value {
        Values::Strings(values) => values.iter().for_each(|it| write_bytes(&mut out, 4, it.as_bytes())),
        Values::Bytes(values) => values.iter().for_each(|it| write_bytes(&mut out, 5, it)),
        Values::Integers(values) => {
            let items: Vec<Vec<u8>> = values.iter().map(|&it| varint(it as u64)).collect();
            write_packed(&mut out, 6, 0, &items);
        }
        Values::Doubles(values) => {
            let items: Vec<Vec<u8>> = values.iter().map(|it| it.to_le_bytes().to_vec()).collect();
            write_packed(&mut out, 7, 1, &items);
        }
        Values::Bools(values) => {
            let items: Vec<Vec<u8>> = values.iter().map(|&it| vec![u8::from(it)]).collect();
            write_packed(&mut out, 8, 0, &items);
        }
    }
    out
}

/// One value under its own wire type, several packed.
fn write_packed(out: &mut Vec<u8>, tag: u8, wire_type: u8, items: &[Vec<u8>]) {
    match items {
        [] => {}
        [item] => {
            out.push(tag << 3 | wire_type);
            out.extend_from_slice(item);
        }
        _ => write_bytes(out, tag, &items.concat()),
    }
}

fn write_bytes(out: &mut Vec<u8>, tag: u8, value: &[u8]) {
    out.push(tag << 3 | 2);
    write_varint(out, value.len() as u64);
    out.extend_from_slice(value);
}

fn write_integer(out: &mut Vec<u8>, tag: u8, value: i64) {
    out.push(tag << 3);
    write_varint(out, value as u64);
}

fn varint(value: u64) -> Vec<u8> {
    let mut res = Vec::new();
    write_varint(&mut res, value);
    res
}
