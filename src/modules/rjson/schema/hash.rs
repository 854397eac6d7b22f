//! `RapidJSON`'s hash of a value, by which `enum` and `uniqueItems` compare.
//!
//! Numbers are equal across their types, the order of members does not count, and two equal members cancel each other
//! out: all of it shows.

use super::compile::{Stop, spend};
use crate::modules::rjson::document::{Kind, Slot, Tree};

const START: u64 = 0x8422_2325_cbf2_9ce4;
const PRIME: u64 = 0x100_0000_01b3;

const OBJECT: u64 = 3;
const ARRAY: u64 = 4;
const STRING: u64 = 5;
const NUMBER: u64 = 6;

fn mix(hash: u64, data: u64) -> u64 {
    (hash ^ data).wrapping_mul(PRIME)
}

fn bytes(kind: u64, data: &[u8]) -> u64 {
    data.iter().fold(mix(START, kind), |hash, &byte| mix(hash, u64::from(byte)))
}

/// A container under way.
struct Open {
    is_object: bool,
    next: usize,
    end: usize,
    hash: u64,
    /// Hash of the name of the member under way.
    name: u64,
}

/// The hash of `root`.
pub fn hash(tree: Tree<'_>, root: Slot, budget: &mut u64) -> Result<u64, Stop> {
    let mut open: Vec<Open> = Vec::new();
    let mut slot = root;
    loop {
        spend(budget, 1 + u64::from(slot.len) / 16)?;
        let mut done = match slot.kind() {
            Kind::Object | Kind::Array => {
                let is_object = slot.kind() == Kind::Object;
                let next = slot.data as usize;
                let end = next + slot.len as usize * if is_object { 2 } else { 1 };
                let hash = mix(0, if is_object { OBJECT } else { ARRAY });
                open.push(Open { is_object, next, end, hash, name: 0 });
                None
            }
            _ => Some(scalar(tree, slot)),
        };
        loop {
            let Some(top) = open.last_mut() else { return Ok(done.unwrap_or_default()) };
            if let Some(value) = done.take() {
                if top.is_object {
                    top.hash ^= mix(top.name, value);
                } else {
                    top.hash = mix(top.hash, value);
                }
            }
            if top.next < top.end {
                break;
            }
            done = Some(top.hash);
            open.pop();
        }
        let Some(top) = open.last_mut() else { return Ok(0) };
        if top.is_object {
            top.name = bytes(STRING, tree.string(tree.get(top.next)));
            top.next += 1;
        }
        slot = tree.get(top.next);
        top.next += 1;
    }
}

fn scalar(tree: Tree<'_>, slot: Slot) -> u64 {
    match slot.kind() {
        Kind::String => bytes(STRING, tree.string(slot)),
        Kind::False => bytes(1, &[]),
        Kind::True => bytes(2, &[]),
        Kind::Negative | Kind::Unsigned | Kind::Double => {
            let value = slot.number();
            let integer = if slot.kind() == Kind::Double { to_integer(value) } else { slot.data };
            let mut data = [0; 16];
            data[..8].copy_from_slice(&integer.to_le_bytes());
            data[8..].copy_from_slice(&value.to_bits().to_le_bytes());
            bytes(NUMBER, &data)
        }
        _ => bytes(0, &[]),
    }
}

/// A double's integer part as gcc converts it on x86-64: signed below zero, unsigned from there.
fn to_integer(value: f64) -> u64 {
    const TWO_63: f64 = 9_223_372_036_854_775_808.0;
    let signed = |value: f64| if (-TWO_63..TWO_63).contains(&value) { value as i64 } else { i64::MIN };
    if value < TWO_63 { signed(value) as u64 } else { signed(value - TWO_63) as u64 ^ 1 << 63 }
}
