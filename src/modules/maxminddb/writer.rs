//! Writes small databases for tests: every data type, every record size, shared values behind pointers.
//!
//! The cases under `tests/data/modules/maxminddb` hold what this makes; a test compares them byte for byte.

use std::net::IpAddr;

/// A value of the data section.
pub enum Value {
    Text(&'static str),
    Double(f64),
    Bytes(&'static [u8]),
    U16(u16),
    U32(u32),
    I32(i32),
    U64(u64),
    U128(u128),
    Bool(bool),
    Float(f32),
    Map(Vec<(&'static str, Value)>),
    Array(Vec<Value>),
    /// To that offset of the data section.
    Pointer(u32),
    /// Bytes as they are: for data that is broken.
    Raw(&'static [u8]),
}

use Value::{Array, Bool, Bytes, Double, Float, I32, Map, Pointer, Raw, Text, U16, U32, U64, U128};

fn control(kind: u8, size: usize, out: &mut Vec<u8>) {
    let (low, more): (u8, Vec<u8>) = match size {
        0..29 => (size as u8, vec![]),
        29..285 => (29, vec![(size - 29) as u8]),
        285..65_821 => (30, ((size - 285) as u16).to_be_bytes().to_vec()),
        _ => (31, ((size - 65_821) as u32).to_be_bytes()[1..].to_vec()),
    };
    if kind < 8 {
        out.push(kind << 5 | low);
    } else {
        out.extend_from_slice(&[low, kind - 7]);
    }
    out.extend(more);
}

/// An integer without its leading zeros.
fn integer(kind: u8, bytes: &[u8], out: &mut Vec<u8>) {
    let first = bytes.iter().position(|&it| it != 0).unwrap_or(bytes.len());
    control(kind, bytes.len() - first, out);
    out.extend_from_slice(&bytes[first..]);
}

impl Value {
    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Text(text) => {
                control(2, text.len(), out);
                out.extend_from_slice(text.as_bytes());
            }
            Double(value) => {
                control(3, 8, out);
                out.extend_from_slice(&value.to_be_bytes());
            }
            Bytes(bytes) => {
                control(4, bytes.len(), out);
                out.extend_from_slice(bytes);
            }
            U16(value) => integer(5, &value.to_be_bytes(), out),
            U32(value) => integer(6, &value.to_be_bytes(), out),
            I32(value) => integer(8, &value.to_be_bytes(), out),
            U64(value) => integer(9, &value.to_be_bytes(), out),
            U128(value) => integer(10, &value.to_be_bytes(), out),
            Bool(value) => control(14, usize::from(*value), out),
            Float(value) => {
                control(15, 4, out);
                out.extend_from_slice(&value.to_be_bytes());
            }
            Map(entries) => {
                control(7, entries.len(), out);
                for (key, value) in entries {
                    Text(key).write(out);
                    value.write(out);
                }
            }
            Array(values) => {
                control(11, values.len(), out);
                for value in values {
                    value.write(out);
                }
            }
            Pointer(to) => {
                out.push(1 << 5 | (to >> 8) as u8);
                out.push(*to as u8);
            }
            Raw(bytes) => out.extend_from_slice(bytes),
        }
    }
}

/// A database under construction: a binary tree whose leaves are offsets into the data section.
pub struct Database {
    version: u16,
    record_size: u16,
    nodes: Vec<[Record; 2]>,
    data: Vec<u8>,
}

#[derive(Clone, Copy)]
enum Record {
    Empty,
    Node(usize),
    Data(usize),
}

impl Database {
    /// An empty one for addresses of that version (4 or 6), with records of so many bits (24, 28 or 32).
    pub fn new(version: u16, record_size: u16) -> Database {
        Database { version, record_size, nodes: vec![[Record::Empty; 2]], data: Vec::new() }
    }

    /// Adds a value to the data section; its offset.
    pub fn add(&mut self, value: &Value) -> usize {
        let at = self.data.len();
        value.write(&mut self.data);
        at
    }

    /// Gives the network `address/prefix` the value at that offset. IPv4 networks stand at `::/96` of an IPv6 tree.
    pub fn insert(&mut self, address: &str, prefix: u32, data: usize) {
        let (bits, length) = match address.parse().expect("an address") {
            IpAddr::V4(it) if self.version == 4 => (u128::from(it.to_bits()) << 96, prefix),
            IpAddr::V4(it) => (u128::from(it.to_bits()), prefix + 96),
            IpAddr::V6(it) => (it.to_bits(), prefix),
        };
        let mut node = 0;
        for depth in 0..length {
            let side = (bits >> (127 - depth) & 1) as usize;
            if depth + 1 == length {
                self.nodes[node][side] = Record::Data(data);
            } else if let Record::Node(next) = self.nodes[node][side] {
                node = next;
            } else {
                // What held for the whole network holds for both halves.
                let below = self.nodes[node][side];
                self.nodes.push([below; 2]);
                let next = self.nodes.len() - 1;
                self.nodes[node][side] = Record::Node(next);
                node = next;
            }
        }
    }

    /// The file.
    pub fn finish(&self) -> Vec<u8> {
        let count = self.nodes.len();
        let number = |record: Record| match record {
            Record::Empty => count,
            Record::Node(it) => it,
            Record::Data(it) => count + 16 + it,
        } as u32;
        let mut out = Vec::new();
        for &[left, right] in &self.nodes {
            let (left, right) = (number(left).to_be_bytes(), number(right).to_be_bytes());
            match self.record_size {
                24 => out.extend_from_slice(&[&left[1..], &right[1..]].concat()),
                28 => {
                    out.extend_from_slice(&left[1..]);
                    out.push(left[0] << 4 | right[0]);
                    out.extend_from_slice(&right[1..]);
                }
                _ => out.extend_from_slice(&[left, right].concat()),
            }
        }
        out.extend_from_slice(&[0; 16]);
        out.extend_from_slice(&self.data);
        out.extend_from_slice(b"\xab\xcd\xefMaxMind.com");
        Map(vec![
            ("binary_format_major_version", U16(2)),
            ("binary_format_minor_version", U16(0)),
            ("build_epoch", U64(1_600_000_000)),
            ("database_type", Text("Test")),
            ("description", Map(vec![("en", Text("made for tests"))])),
            ("ip_version", U16(self.version)),
            ("languages", Array(vec![Text("en")])),
            ("node_count", U32(count as u32)),
            ("record_size", U16(self.record_size)),
        ])
        .write(&mut out);
        out
    }
}

const LONG: &str =
    "A string that needs a second byte for its length, as it has more than twenty-eight bytes.";

/// Every type, at several depths.
fn all_types() -> Value {
    Map(vec![
        ("text", Text("caf\u{e9}")),
        ("empty", Text("")),
        ("long", Text(LONG)),
        ("double", Double(-42.123_456_789)),
        ("infinite", Double(f64::INFINITY)),
        ("bytes", Bytes(b"\0\x01\xff")),
        ("u16", U16(65_535)),
        ("zero", U16(0)),
        ("u32", U32(4_294_967_295)),
        ("i32", I32(-268_435_456)),
        ("i32 positive", I32(7)),
        ("u64", U64(1 << 60)),
        ("u128", U128(1 << 120)),
        ("true", Bool(true)),
        ("false", Bool(false)),
        ("float", Float(1.1)),
        (
            "map",
            Map(vec![
                ("inner", Map(vec![("deepest", Text("found")), ("list", Array(vec![U16(5)]))])),
                ("", Text("no name")),
            ]),
        ),
        (
            "array",
            Array(vec![
                Text("first"),
                U32(2),
                Map(vec![("key", Text("in the array"))]),
                Array(vec![Double(0.5)]),
            ]),
        ),
        ("nothing", Map(vec![])),
        ("none", Array(vec![])),
        ("1", Text("a digit is a key of a map")),
        ("shared", Pointer(0)),
        ("twice", Array(vec![Pointer(0), Pointer(0)])),
    ])
}

/// The databases of the cases, by file name.
pub fn all() -> Vec<(&'static str, Vec<u8>)> {
    let mut city = Database::new(6, 24);
    city.add(&Text("shared text"));
    let types = city.add(&all_types());
    let country = city.add(&Map(vec![("country", Map(vec![("iso_code", Text("AQ"))]))]));
    let plain = city.add(&Text("only text"));
    let list = city.add(&Array(vec![U16(1), U16(2), U16(3)]));
    for (address, prefix, data) in [
        ("1.2.3.0", 24, types),
        ("1.2.3.128", 25, country),
        ("10.0.0.0", 8, country),
        ("127.0.0.1", 32, plain),
        ("2001:db8::", 32, types),
        ("2001:db8:1::", 48, country),
        ("fe80::", 10, list),
        ("::ffff:0:0", 96, plain),
    ] {
        city.insert(address, prefix, data);
    }
    let mut small = Database::new(4, 28);
    let text = small.add(&Map(vec![("name", Text("four"))]));
    small.insert("0.0.0.0", 1, text);
    small.insert("192.168.0.0", 16, text);
    let mut wide = Database::new(6, 32);
    let text = wide.add(&Map(vec![("name", Text("thirty-two"))]));
    wide.insert("::", 1, text);
    let mut broken = Database::new(4, 24);
    let bad = broken.add(&Map(vec![("bad", Raw(b"\xe1")), ("never", Text("x"))]));
    let odd =
        broken.add(&Map(vec![("text", Raw(b"\x43\xff\xfe\xfd")), ("far", Pointer(0x7ff)), ("last", U16(1))]));
    broken.insert("1.0.0.0", 8, bad);
    broken.insert("2.0.0.0", 8, odd);
    broken.insert("3.0.0.0", 8, 100_000);
    let mut cut = small.finish();
    cut.truncate(cut.len() - 20);
    vec![
        ("city.mmdb", city.finish()),
        ("four.mmdb", small.finish()),
        ("wide.mmdb", wide.finish()),
        ("broken.mmdb", broken.finish()),
        ("cut.mmdb", cut),
        ("none.mmdb", b"this is no database".to_vec()),
        ("empty.mmdb", Vec::new()),
    ]
}
