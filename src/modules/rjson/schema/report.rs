//! What `validate` tells of a failure: an object with the keywords that failed, written as JSON.

use crate::modules::rjson::{
    document::{Kind, Slot, Tree},
    write::{Sink, Written, write},
};

/// A value of a report.
#[derive(Clone, Debug)]
pub enum Value {
    Object(Members),
    Array(Vec<Value>),
    Text(Vec<u8>),
    /// A number, `true` or `false`.
    Scalar(Slot),
}

/// Members in the order in which they were added.
pub type Members = Vec<(Vec<u8>, Value)>;

impl Value {
    pub fn number(value: usize) -> Value {
        Value::Scalar(Slot::new(Kind::Unsigned, 0, value as u64))
    }

    pub fn truth() -> Value {
        Value::Scalar(Slot::new(Kind::True, 0, 0))
    }
}

/// Adds an error under its keyword; a second one makes a list of both.
pub fn add_error(errors: &mut Members, keyword: &[u8], error: Value) {
    let Some((_, known)) = errors.iter_mut().find(|(name, _)| name == keyword) else {
        errors.push((keyword.to_vec(), error));
        return;
    };
    if let Value::Array(list) = known {
        list.push(error);
    } else {
        let first = std::mem::replace(known, Value::Array(Vec::new()));
        *known = Value::Array(vec![first, error]);
    }
}

/// Writes a report; false where an infinite number ended it.
pub fn write_report(value: &Value, to: &mut Vec<u8>) -> bool {
    let scalar = |slot: Slot, text: &[u8], to: &mut Vec<u8>| {
        write(Tree::of_text(text), slot, to, &mut 0) == Written::All
    };
    match value {
        Value::Scalar(slot) => scalar(*slot, &[], to),
        Value::Text(text) => scalar(Slot::new(Kind::String, text.len() as u32, 0), text, to),
        Value::Array(values) => {
            to.put(b"[");
            for (n, value) in values.iter().enumerate() {
                if n > 0 {
                    to.put(b",");
                }
                if !write_report(value, to) {
                    return false;
                }
            }
            to.put(b"]");
            true
        }
        Value::Object(members) => {
            to.put(b"{");
            for (n, (name, value)) in members.iter().enumerate() {
                if n > 0 {
                    to.put(b",");
                }
                scalar(Slot::new(Kind::String, name.len() as u32, 0), name, to);
                to.put(b":");
                if !write_report(value, to) {
                    return false;
                }
            }
            to.put(b"}");
            true
        }
    }
}
