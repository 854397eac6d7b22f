//! Takes out of messages what depends on the run: Uuids, and Timestamps that are wall-clock time.

use cepshim::message::{read_varint, write_frame_header};

/// 2024-01-01T00:00:00Z: the recorded data is older.
const WALL_NS: i64 = 1_704_067_200_000_000_000;

/// What to do with Timestamps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timestamps {
    /// All become 0.
    Zero,
    /// All stay.
    Keep,
    /// Wall-clock time becomes 0.
    Auto,
}

/// Normalises one message; bytes that are no protobuf stay as they are.
pub fn normalize(message: &[u8], keep_uuid: bool, timestamps: Timestamps) -> Vec<u8> {
    parts(message, keep_uuid, timestamps).unwrap_or_else(|| message.to_vec())
}

fn parts(message: &[u8], keep_uuid: bool, timestamps: Timestamps) -> Option<Vec<u8>> {
    let mut res = Vec::new();
    let mut at = 0;
    while at < message.len() {
        let start = at;
        let (key, behind_key) = read_varint(message, at)?;
        let (value, len);
        (value, len, at) = match key & 7 {
            0 => {
                let (value, next) = read_varint(message, behind_key)?;
                (value, 0, next)
            }
            1 => (0, 8, behind_key + 8),
            2 => {
                let (len, next) = read_varint(message, behind_key)?;
                (0, len as usize, next + len as usize)
            }
            5 => (0, 4, behind_key + 4),
            _ => return None,
        };
        let item = message.get(start..at)?;
        let is_wall = value >= WALL_NS;
        match (key, timestamps) {
            (0x0a, _) if !keep_uuid => {
                res.extend_from_slice(&item[..item.len() - len]);
                res.resize(res.len() + len, 0);
            }
            (0x10, Timestamps::Zero) => res.extend_from_slice(&[0x10, 0]),
            (0x10, Timestamps::Auto) if is_wall => res.extend_from_slice(&[0x10, 0]),
            _ => res.extend_from_slice(item),
        }
    }
    Some(res)
}

/// The messages as one framed stream.
pub fn frame(messages: impl Iterator<Item = Vec<u8>>) -> Vec<u8> {
    let mut res = Vec::new();
    for message in messages {
        write_frame_header(&mut res, message.len());
        res.extend_from_slice(&message);
    }
    res
}
