//! What is compressed comes back, whatever it is, and what another snappy compresses comes back too.

use proptest::prelude::*;

use super::{compress::compress, decompress};

fn compressed(text: &[u8]) -> Vec<u8> {
    let mut res = Vec::new();
    compress(text, &mut res);
    res
}

fn decompressed(data: &[u8]) -> Option<Vec<u8>> {
    let len = decompress::length(data)?;
    let mut res = Vec::new();
    decompress::decompress(data, &mut res);
    assert_eq!(res.len(), len);
    Some(res)
}

/// Bytes that repeat here and there, at near and far distances.
fn repetitive() -> impl Strategy<Value = Vec<u8>> {
    let piece = (any::<bool>(), any::<u32>(), 1..200_usize, prop::collection::vec(any::<u8>(), 1..40));
    prop::collection::vec(piece, 0..200).prop_map(|pieces| {
        let mut res = Vec::new();
        for (copies, at, len, bytes) in pieces {
            if copies && !res.is_empty() {
                let start = at as usize % res.len();
                for n in 0..len {
                    res.push(res[start + n % (res.len() - start)]);
                }
            } else {
                res.extend_from_slice(&bytes);
            }
        }
        res
    })
}

#[test]
fn a_long_literal_of_no_bytes_is_passed_over() {
    assert_eq!(decompressed(b"\x01\xfc\xff\xff\xff\xff\x00x"), Some(b"x".to_vec()));
}

#[test]
fn lengths_of_too_many_bits_are_refused_but_valid() {
    let data = b"\x81\x80\x80\x80\x10\x00x";
    assert!(decompress::is_valid(data));
    assert_eq!(decompressed(data), None);
    assert!(!decompress::is_valid(b"\x81\x80\x80\x80\x80\x00"));
}

#[test]
fn blocks_are_compressed_apart() {
    let text: Vec<u8> = b"0123456789abcdef".iter().copied().cycle().take(200_001).collect();
    assert_eq!(decompressed(&compressed(&text)), Some(text));
}

proptest! {
    #[test]
    fn what_is_compressed_comes_back(text in repetitive()) {
        let data = compressed(&text);
        prop_assert!(decompress::is_valid(&data));
        prop_assert_eq!(snap::raw::Decoder::new().decompress_vec(&data).ok(), Some(text.clone()));
        prop_assert_eq!(decompressed(&data), Some(text));
    }

    #[test]
    fn what_another_compresses_comes_back(text in repetitive()) {
        let data = snap::raw::Encoder::new().compress_vec(&text).expect("short enough");
        prop_assert_eq!(decompressed(&data), Some(text));
    }

    #[test]
    fn noise_is_refused_or_has_its_length(data in prop::collection::vec(any::<u8>(), 0..60)) {
        let text = decompressed(&data);
        prop_assert!(text.is_none() || decompress::is_valid(&data));
    }
}
