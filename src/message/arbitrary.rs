//! Messages for property tests.

use proptest::{collection::vec, num::f64, option, prelude::*};

use super::{FieldValues, OwnedField, OwnedMessage};

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        "[ -~]{0,10}".prop_map(String::into_bytes),
        "\\PC{0,6}".prop_map(String::into_bytes),
        vec(any::<u8>(), 0..6),
        Just(vec![b'x'; 200]),
    ]
}

fn values() -> impl Strategy<Value = FieldValues> {
    prop_oneof![
        vec(bytes(), 0..4).prop_map(FieldValues::String),
        vec(bytes(), 0..4).prop_map(FieldValues::Bytes),
        vec(any::<i64>(), 0..20).prop_map(FieldValues::Integer),
        vec(f64::ANY, 0..20).prop_map(FieldValues::Double),
        vec(any::<bool>(), 0..4).prop_map(FieldValues::Bool),
    ]
}

prop_compose! {
    fn field()(name in bytes(), representation in option::of(bytes()), value in values()) -> OwnedField {
        OwnedField { name, representation, value }
    }
}

prop_compose! {
    /// Any message that reads back as itself.
    pub(super) fn message()(
        uuid: [u8; 16],
        timestamp: i64,
        [type_, logger, payload, env_version, hostname] in
            [option::of(bytes()), option::of(bytes()), option::of(bytes()), option::of(bytes()), option::of(bytes())],
        severity: Option<i32>,
        pid in option::of((i32::MIN + 1)..),
        fields in vec(field(), 0..5),
    ) -> OwnedMessage {
        OwnedMessage { uuid, timestamp, type_, logger, severity, payload, env_version, pid, hostname, fields }
    }
}
