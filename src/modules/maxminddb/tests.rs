//! The files of the recorded cases are what [`super::writer`] makes, and hostile ones end in an error.

use std::path::Path;

use maxminddb::Reader;
use proptest::prelude::*;

use super::{Failure, address, value, writer};

/// Set to write the files anew.
const WRITE: &str = "CEPSHIM_WRITE_TEST_DATA";

#[test]
fn the_files_are_what_the_writer_makes() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/modules/maxminddb");
    let files = writer::all();
    for (case, names) in [
        ("values", &["city.mmdb"][..]),
        ("addresses", &["city.mmdb", "four.mmdb", "wide.mmdb"]),
        (
            "files",
            &["city.mmdb", "four.mmdb", "wide.mmdb", "broken.mmdb", "cut.mmdb", "none.mmdb", "empty.mmdb"],
        ),
    ] {
        for name in names {
            let file = folder.join(case).join(name);
            let (_, content) = files.iter().find(|(it, _)| it == name).expect("a file of the writer");
            if std::env::var_os(WRITE).is_some() {
                std::fs::write(&file, content).expect("written");
            }
            assert_eq!(&std::fs::read(&file).expect("a file"), content, "{}", file.display());
        }
    }
}

#[test]
fn addresses_without_names() {
    for (text, expected) in [
        ("1.2.3.4", Some("1.2.3.4")),
        ("0x7f.1", Some("127.0.0.1")),
        ("0", Some("0.0.0.0")),
        ("00", Some("0.0.0.0")),
        ("0x", None),
        ("08", None),
        ("1.2.3.+4", None),
        ("0x+1", None),
        ("0+1", None),
        ("fe80::1%5", Some("fe80::1")),
        ("fe80::1%+5", None),
        ("", None),
    ] {
        assert_eq!(address::parse(text.as_bytes()).map(|it| it.to_string()).as_deref(), expected, "{text}");
    }
}

proptest! {
    /// Whatever the bytes, opening and looking up end, with a value or an error.
    #[test]
    fn broken_files_end_in_errors(
        which in 0usize..4,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        path in prop::collection::vec("(text|map|array|inner|-?[0-9]{1,2})", 0..4),
    ) {
        let mut content = writer::all().swap_remove(which).1;
        for (at, byte) in changes {
            let at = at.index(content.len());
            content[at] = byte;
        }
        let Ok(reader) = Reader::from_source(content) else { return Ok(()) };
        let path: Vec<&[u8]> = path.iter().map(String::as_bytes).collect();
        for text in ["1.2.3.4", "127.0.0.1", "fe80::1", "2001:db8::"] {
            let address = address::parse(text.as_bytes()).expect("an address");
            let Ok(entry) = reader.lookup(address) else { continue };
            if entry.has_data() {
                let found = value::at_path(&entry, &path);
                prop_assert!(found != Err(Failure::FileOpen));
            }
        }
    }
}
