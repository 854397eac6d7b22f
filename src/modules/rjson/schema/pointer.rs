//! JSON pointers as `RapidJSON`'s schemas use them (`pointer.h`).
//!
//! A token is a name with an index. A name out of a document has no index even if it is made of digits, one out of a
//! `$ref` has: so `#/definitions/0` finds an element of an array, and never a member called `0`.

/// The index of a name.
const NO_INDEX: u32 = u32::MAX;

/// A pointer, as bytes that are equal where `RapidJSON` holds pointers for equal: for each token its length, its index
/// and its name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Pointer(Vec<u8>);

impl Pointer {
    fn push(&mut self, name: &[u8], index: u32) {
        self.0.extend_from_slice(&(name.len() as u32).to_le_bytes());
        self.0.extend_from_slice(&index.to_le_bytes());
        self.0.extend_from_slice(name);
    }

    /// This pointer and a member's name.
    pub fn name(&self, name: &[u8]) -> Pointer {
        let mut res = self.clone();
        res.push(name, NO_INDEX);
        res
    }

    /// This pointer and an element's index.
    pub fn index(&self, index: u32) -> Pointer {
        let mut res = self.clone();
        res.push(index.to_string().as_bytes(), index);
        res
    }

    /// What it costs to copy.
    pub fn size(&self) -> usize {
        self.0.len()
    }

    /// The tokens: names, with their index if they have one.
    pub fn tokens(&self) -> impl Iterator<Item = (&[u8], Option<u32>)> {
        let mut rest = &self.0[..];
        std::iter::from_fn(move || {
            let (len, behind) = rest.split_first_chunk::<4>()?;
            let (index, behind) = behind.split_first_chunk::<4>()?;
            let (name, behind) = behind.split_at_checked(u32::from_le_bytes(*len) as usize)?;
            rest = behind;
            let index = u32::from_le_bytes(*index);
            Some((name, (index != NO_INDEX).then_some(index)))
        })
    }

    /// The pointer that a `$ref` beginning with `#` holds, if it is one.
    pub fn parse_fragment(text: &[u8]) -> Option<Pointer> {
        let mut rest = text.strip_prefix(b"#")?;
        let mut res = Pointer::default();
        let mut name = Vec::new();
        while let Some(behind) = rest.strip_prefix(b"/") {
            rest = behind;
            name.clear();
            let mut is_number = true;
            while let Some(&first) = rest.first()
                && first != b'/'
            {
                let mut byte = first;
                if byte == b'%' {
                    let (bytes, len) = percent_decode(rest)?;
                    rest = &rest[3 * len..];
                    if len > 1 {
                        name.extend_from_slice(&bytes[..len]);
                        is_number = false;
                        continue;
                    }
                    byte = bytes[0];
                } else if needs_percent(byte) {
                    return None;
                } else {
                    rest = &rest[1..];
                }
                if byte == b'~' {
                    byte = match rest.first() {
                        Some(b'0') => b'~',
                        Some(b'1') => b'/',
                        _ => return None,
                    };
                    rest = &rest[1..];
                }
                is_number &= byte.is_ascii_digit();
                name.push(byte);
            }
            is_number &= !name.is_empty() && (name.len() == 1 || name[0] != b'0');
            let index = if is_number { to_index(&name) } else { None };
            res.push(&name, index.unwrap_or(NO_INDEX));
        }
        rest.is_empty().then_some(res)
    }

    /// As a fragment of a URI.
    pub fn fragment(&self) -> Vec<u8> {
        fragment(self.tokens().map(|(name, _)| name))
    }
}

/// A decimal number, with `RapidJSON`'s incomplete look at overflow.
fn to_index(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0u32, |number, digit| {
        let next = number.wrapping_mul(10).wrapping_add(u32::from(digit - b'0'));
        (next >= number).then_some(next)
    })
}

/// The UTF-8 sequence that `text` begins with in percent signs, and its length.
fn percent_decode(text: &[u8]) -> Option<([u8; 4], usize)> {
    let byte_at = |n: usize| {
        let [b'%', high, low] = *text.get(3 * n..3 * n + 3)? else { return None };
        let digit = |it: u8| char::from(it).to_digit(16);
        Some((digit(high)? << 4 | digit(low)?) as u8)
    };
    let mut res = [byte_at(0)?, 0, 0, 0];
    let len = sequence_length(res[0])?;
    for (n, byte) in res.iter_mut().enumerate().take(len).skip(1) {
        *byte = byte_at(n)?;
    }
    std::str::from_utf8(&res[..len]).ok()?;
    Some((res, len))
}

/// How long a UTF-8 sequence is that begins so.
fn sequence_length(first: u8) -> Option<usize> {
    match first {
        ..0x80 => Some(1),
        0xc2..0xe0 => Some(2),
        0xe0..0xf0 => Some(3),
        0xf0..0xf5 => Some(4),
        _ => None,
    }
}

fn needs_percent(byte: u8) -> bool {
    !(byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~'))
}

/// Names as a fragment of a URI. At a byte that is no UTF-8 it ends, as `RapidJSON`'s does.
pub fn fragment<'n>(names: impl Iterator<Item = &'n [u8]>) -> Vec<u8> {
    // RapidJSON reads a sequence to its end even where that lies in the next name: names end in NULs.
    let mut text = Vec::new();
    let mut ends = Vec::new();
    for name in names {
        text.extend_from_slice(name);
        ends.push(text.len());
        text.push(0);
    }
    let mut res = b"#".to_vec();
    let mut at = 0;
    for end in ends {
        res.push(b'/');
        while at < end {
            match text[at] {
                b'~' => res.extend_from_slice(b"~0"),
                b'/' => res.extend_from_slice(b"~1"),
                byte if !needs_percent(byte) => res.push(byte),
                byte => {
                    let len = sequence_length(byte).unwrap_or(1);
                    let mut sequence = [0; 4];
                    for (n, it) in sequence.iter_mut().enumerate().take(len) {
                        *it = text.get(at + n).copied().unwrap_or(0);
                        res.extend_from_slice(format!("%{it:02X}").as_bytes());
                    }
                    if std::str::from_utf8(&sequence[..len]).is_err() {
                        return res;
                    }
                    at += len;
                    continue;
                }
            }
            at += 1;
        }
        at = end + 1;
    }
    res
}

#[cfg(test)]
mod tests {
    use super::{Pointer, fragment};

    #[test]
    fn fragments_are_read() {
        let read = |text: &str| {
            let pointer = Pointer::parse_fragment(text.as_bytes())?;
            Some(
                pointer
                    .tokens()
                    .map(|(name, index)| (String::from_utf8_lossy(name).into_owned(), index))
                    .collect::<Vec<_>>(),
            )
        };
        assert_eq!(read("#"), Some(vec![]));
        assert_eq!(read("#/"), Some(vec![(String::new(), None)]));
        assert_eq!(
            read("#/a/0/01"),
            Some(vec![("a".into(), None), ("0".into(), Some(0)), ("01".into(), None)])
        );
        assert_eq!(read("#/%C3%A9~0~1%7E0"), Some(vec![("é~/~".into(), None)]));
        assert_eq!(read("#a"), None);
        assert_eq!(read("#/a b"), None);
        assert_eq!(read("#/%C3"), None);
        assert_eq!(read("#/~2"), None);
        assert_eq!(read("#/4294967296"), Some(vec![("4294967296".into(), None)]));
    }

    #[test]
    fn names_are_written() {
        let write = |names: &[&[u8]]| String::from_utf8(fragment(names.iter().copied())).unwrap();
        assert_eq!(write(&[]), "#");
        assert_eq!(write(&[b"a", b"b c", "é".as_bytes(), b"~/"]), "#/a/b%20c/%C3%A9/~0~1");
        assert_eq!(write(&[b"a\xffb", b"c"]), "#/a%FF");
        assert_eq!(write(&[b"\xe2", b"c"]), "#/%E2%00%63");
    }
}
