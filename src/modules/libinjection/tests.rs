//! Verdicts and fingerprints that the cases recorded from production do not single out, and bad luck.

use proptest::prelude::*;

use super::{sqli::State, words, xss::is_xss};

#[track_caller]
fn check_sqli(text: &str, expected: Option<&str>) {
    let mut state = State::new(0);
    let found = state.is_sqli(text.as_bytes());
    let fingerprint = String::from_utf8_lossy(state.letters()).into_owned();
    assert_eq!(found.then_some(fingerprint.as_str()), expected, "{text}");
}

#[test]
fn verdicts_about_sql() {
    check_sqli("", None);
    check_sqli("hello world", None);
    check_sqli("1 union select * from t", Some("1UEok"));
    check_sqli("' or 1=1 --", Some("s&1c"));
    check_sqli("1 into outfile 'x'", Some("1ks"));
    check_sqli("/*! evil */", Some("X"));
    check_sqli("it's and that's", None);
}

#[test]
fn verdicts_about_pages() {
    for (text, expected) in [
        ("", false),
        ("hello <b>world</b>", false),
        ("<script>alert(1)</script>", true),
        ("<img src=x onerror%0b=alert(1)>", true),
        ("<a href='&#106;avascript:x'>", true),
        ("<a href='https://example.com'>", false),
        ("\" onload=\"x", true),
        ("<!doctype html>", true),
        ("////////////////", false),
    ] {
        assert_eq!(is_xss(text.as_bytes()), expected, "{text}");
    }
}

#[test]
fn words_are_compared_as_c_does() {
    assert_eq!(words::lookup(b"select"), b'E');
    assert_eq!(words::lookup(b"SELECT\0"), 0);
    assert_eq!(words::lookup(b"\xff"), 0);
    assert_eq!(words::lookup(b""), 0);
    assert_eq!(words::lookup(b"union all"), b'U');
}

proptest! {
    #[test]
    fn no_text_is_too_bad(text in prop::collection::vec(prop_oneof![
        any::<u8>(), prop::sample::select(&b"'\"`#-/*;(){}[]<>=!@$%^&|\\ \t\0\xa0qQnNuUxXbBeE01.,:"[..]),
    ], 0..200), flags in 0u32..32) {
        State::new(0).is_sqli(&text);
        let mut state = State::new(0);
        state.make_fingerprint(&text, flags);
        prop_assert!(state.letters().len() <= 5);
        while state.tokenize(&text) {}
        is_xss(&text);
    }
}
