//! Uuids of injected messages: given by the script, or made here, the same in every run.
//!
//! Production draws 16 bytes from `rand()`. A replay must not depend on chance, so a Uuid is a keyed hash of the
//! run's seed, the plugin's name, the shard and a running number, with production's version and variant bits
//! (`lua_sandbox` `src/util/heka_message.c:570-575`).
#![allow(unsafe_code)]

use std::{ffi::CString, hash::Hasher};

use siphasher::sip128::{Hasher128, SipHasher24};

use crate::message::UUID_SIZE;

/// Makes Uuids; part of a sandbox's state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UuidSource {
    key: (u64, u64),
    next: u64,
}

impl UuidSource {
    /// A source for one plugin in one run: the same arguments give the same Uuids.
    pub fn new(seed: u64, plugin: &[u8], shard: &[u8]) -> UuidSource {
        let mut hasher = SipHasher24::new_with_keys(seed, 0x6365_7073_6869_6d00);
        hasher.write_usize(plugin.len());
        hasher.write(plugin);
        hasher.write(shard);
        let key = hasher.finish128();
        UuidSource { key: (key.h1, key.h2), next: 0 }
    }

    /// The next Uuid: random bytes, byte 6 `0x4x`, byte 8 `0xAx`.
    pub fn next_uuid(&mut self) -> [u8; UUID_SIZE] {
        let mut hasher = SipHasher24::new_with_keys(self.key.0, self.key.1);
        hasher.write_u64(self.next);
        self.next += 1;
        let mut res = hasher.finish128().as_bytes();
        res[6] = (res[6] & 0x0f) | 0x40;
        res[8] = (res[8] & 0x0f) | 0xa0;
        res
    }

    /// A seed for the plugin's random numbers, from the same key.
    pub fn random_seed(&self) -> u32 {
        self.key.0 as u32
    }
}

/// The Uuid a script gave as 16 bytes or 36 characters of text; anything else is `None`.
///
/// The text goes through C's `sscanf`, as in production, because that accepts more than it should.
pub fn given(text: &[u8]) -> Option<[u8; UUID_SIZE]> {
    if let Ok(bytes) = text.try_into() {
        return Some(bytes);
    }
    if text.len() != 36 {
        return None;
    }
    let text = CString::new(crate::vm::lua::until_nul(text)).ok()?;
    let mut res = [0u8; UUID_SIZE];
    let p = res.as_mut_ptr();
    let format = c"%02hhx%02hhx%02hhx%02hhx-%02hhx%02hhx-%02hhx%02hhx-%02hhx%02hhx-%02hhx%02hhx%02hhx%02hhx%02hhx%02hhx";
    // SAFETY: sixteen `%hhx` conversions write one byte each through the sixteen pointers into `res`.
    let converted = unsafe {
        libc::sscanf(
            text.as_ptr(),
            format.as_ptr(),
            p,
            p.add(1),
            p.add(2),
            p.add(3),
            p.add(4),
            p.add(5),
            p.add(6),
            p.add(7),
            p.add(8),
            p.add(9),
            p.add(10),
            p.add(11),
            p.add(12),
            p.add(13),
            p.add(14),
            p.add(15),
        )
    };
    (converted as usize == UUID_SIZE).then_some(res)
}

#[cfg(test)]
mod tests {
    use super::{UuidSource, given};

    #[test]
    fn uuids_repeat_with_their_seed() {
        let mut a = UuidSource::new(1, b"analysis.a", b"");
        let mut again = UuidSource::new(1, b"analysis.a", b"");
        let mut other = UuidSource::new(1, b"analysis.b", b"");
        let first = a.next_uuid();
        assert_eq!(first, again.next_uuid());
        assert_ne!(first, other.next_uuid());
        assert_ne!(first, a.next_uuid());
        assert_eq!((first[6] >> 4, first[8] >> 4), (4, 0xa));
    }

    #[test]
    fn text_and_bytes() {
        let bytes = given(b"00010203-0405-0607-0809-0A0b0c0d0e0f").unwrap();
        assert_eq!(bytes, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]);
        assert_eq!(given(&bytes), Some(bytes));
        assert_eq!(given(b"00010203-0405-0607-0809_0A0b0c0d0e0f"), None);
        assert_eq!(given(b"short"), None);
    }
}
