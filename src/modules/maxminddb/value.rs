//! One value of a database: what stands at a path, as the binding hands it to Lua.

use std::fmt;

use maxminddb::{LookupResult, PathElement, deserialize_any_with_raw_strings};
use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::Failure;

/// A value, as far as it matters.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value<'a> {
    Map,
    Array,
    Number(f64),
    Bytes(&'a [u8]),
    /// Booleans and integers of more than 32 bits, which the binding does not know.
    Other,
}

impl<'de> Deserialize<'de> for Value<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Value<'de>, D::Error> {
        deserialize_any_with_raw_strings(deserializer, Taker)
    }
}

struct Taker;

impl<'de> Visitor<'de> for Taker {
    type Value = Value<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_map<A: MapAccess<'de>>(self, _: A) -> Result<Value<'de>, A::Error> {
        Ok(Value::Map)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, _: A) -> Result<Value<'de>, A::Error> {
        Ok(Value::Array)
    }

    /// A string: its bytes, which need not be UTF-8.
    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value<'de>, D::Error> {
        deserializer.deserialize_bytes(self)
    }

    fn visit_borrowed_bytes<E: Error>(self, bytes: &'de [u8]) -> Result<Value<'de>, E> {
        Ok(Value::Bytes(bytes))
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Value<'de>, E> {
        Ok(Value::Bytes(text.as_bytes()))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Value<'de>, E> {
        Ok(Value::Number(number))
    }

    fn visit_f32<E: Error>(self, number: f32) -> Result<Value<'de>, E> {
        Ok(Value::Number(number.into()))
    }

    fn visit_u16<E: Error>(self, number: u16) -> Result<Value<'de>, E> {
        Ok(Value::Number(number.into()))
    }

    fn visit_u32<E: Error>(self, number: u32) -> Result<Value<'de>, E> {
        Ok(Value::Number(number.into()))
    }

    fn visit_i32<E: Error>(self, number: i32) -> Result<Value<'de>, E> {
        Ok(Value::Number(number.into()))
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<Value<'de>, E> {
        Ok(Value::Other)
    }

    fn visit_u128<E: Error>(self, _: u128) -> Result<Value<'de>, E> {
        Ok(Value::Other)
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Value<'de>, E> {
        Ok(Value::Other)
    }
}

/// What stands at `path` in the entry. A step is a key in a map and a number in an array, which is known on the way only.
pub fn at_path<'a>(entry: &LookupResult<'a, Vec<u8>>, path: &[&[u8]]) -> Result<Value<'a>, Failure> {
    let mut steps: Vec<PathElement<'_>> = Vec::with_capacity(path.len());
    let mut value = step_to(entry, &steps)?;
    for element in path {
        steps.push(match value {
            Value::Map => {
                PathElement::Key(std::str::from_utf8(element).map_err(|_| Failure::PathDoesNotMatch)?)
            }
            Value::Array => index(element)?,
            _ => return Err(Failure::PathDoesNotMatch),
        });
        value = step_to(entry, &steps)?;
    }
    Ok(value)
}

fn step_to<'a>(entry: &LookupResult<'a, Vec<u8>>, steps: &[PathElement<'_>]) -> Result<Value<'a>, Failure> {
    entry.decode_path::<Value<'a>>(steps).map_err(|_| Failure::InvalidData)?.ok_or(Failure::PathDoesNotMatch)
}

/// A position as `strtol` reads it; negative ones count from the end.
fn index(text: &[u8]) -> Result<PathElement<'static>, Failure> {
    let (is_negative, digits) = match without_space(text) {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] | rest => (false, rest),
    };
    let count = digits.iter().take_while(|it| it.is_ascii_digit()).count();
    let mut number: i128 = 0;
    for digit in &digits[..count] {
        number = (number * 10 + i128::from(digit - b'0')).min(i128::from(u64::MAX));
    }
    if number > i128::from(i64::MAX) + i128::from(is_negative) {
        return Err(Failure::InvalidLookupPath);
    }
    // Without a digit, `strtol` takes nothing; only the empty text is a number then.
    if count < digits.len() || count == 0 && !text.is_empty() {
        return Err(Failure::PathDoesNotMatch);
    }
    let number = usize::try_from(number).map_err(|_| Failure::PathDoesNotMatch)?;
    Ok(if is_negative && number > 0 {
        PathElement::IndexFromEnd(number - 1)
    } else {
        PathElement::Index(number)
    })
}

/// Without what C's `isspace` takes at the start.
fn without_space(text: &[u8]) -> &[u8] {
    let is_space = |it: &u8| matches!(it, b' ' | b'\t'..=b'\r');
    &text[text.iter().take_while(|it| is_space(it)).count()..]
}
