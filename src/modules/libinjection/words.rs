//! The table of words and fingerprints, and how libinjection looks things up in it.
//!
//! The table is a crate's, which has taken it from the C library unchanged. The crate's own search compares whole texts;
//! the library's compares bytes as C does, so that the two differ for texts with NUL or high bytes in them.

use libinjectionrs::sqli::sqli_data::SQL_KEYWORDS;

/// The library's comparison of a word of the table with a text: negative, zero or positive.
pub fn compare(word: &[u8], text: &[u8]) -> i32 {
    for (i, &byte) in text.iter().enumerate() {
        let in_word = word.get(i).copied().unwrap_or(0);
        let upper = byte.to_ascii_uppercase();
        if in_word != upper {
            return i32::from(in_word as i8) - i32::from(upper as i8);
        }
        if in_word == 0 {
            return -1;
        }
    }
    i32::from(word.len() > text.len())
}

/// Whether the text is that word, whatever its case.
pub fn is(word: &[u8], text: &[u8]) -> bool {
    compare(word, text) == 0
}

/// The kind of a word, 0 for none.
pub fn lookup(text: &[u8]) -> u8 {
    let at = SQL_KEYWORDS.partition_point(|it| compare(it.word.as_bytes(), text) < 0);
    SQL_KEYWORDS.get(at).filter(|it| is(it.word.as_bytes(), text)).map_or(0, |it| it.token_type)
}
