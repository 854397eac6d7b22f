//! Damaged inputs: said, counted, and decisive for the exit status.

use crate::scratch::{COUNT, Scratch, matches, recorded};

fn damaged() -> Scratch {
    let scratch = Scratch::with(&["basic.hpb"]);
    scratch.filter("count", COUNT, "message_matcher = 'TRUE'");
    scratch
        .write("damaged.hpb", std::fs::read(recorded("stream/garbage_between/input.hpb")).expect("readable"));
    let whole = scratch.read("basic.hpb");
    scratch.write("cut.hpb", &whole[..whole.len() - 10]);
    scratch
}

#[test]
fn damage_ends_with_5_unless_allowed() {
    let scratch = damaged();
    matches("damage_replay", &scratch.run(&["replay", "count.cfg", "damaged.hpb", "cut.hpb"]).ends(5));
    scratch.run(&["replay", "count.cfg", "damaged.hpb", "--allow-damage"]).ends(0);
    matches("damage_cat", &scratch.run(&["cat", "-c", "damaged.hpb", "cut.hpb"]).ends(5));
    let allowed = scratch.run(&["cat", "-c", "cut.hpb", "--allow-damage"]).ends(0);
    assert_eq!(allowed.out(), "Processed: 5, matched: 5 messages\n");
    let quiet = scratch.run(&["cat", "-q", "cut.hpb"]).ends(5);
    assert!(quiet.stderr.is_empty(), "{quiet}");
}

/// Whatever the bytes, the program ends, in order, with an account.
#[test]
fn any_bytes_end_in_order() {
    let scratch = damaged();
    let whole = scratch.read("basic.hpb");
    let mut random = 88_172_645_463_325_252_u64;
    let mut next = move || {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random
    };
    for round in 0..24 {
        let mut bytes = whole.clone();
        for _ in 0..=round {
            let at = next() as usize % bytes.len();
            bytes[at] = next() as u8;
        }
        bytes.truncate(bytes.len() - next() as usize % 40);
        if round % 3 == 0 {
            bytes = zstd::encode_all(&bytes[..], 1).expect("compressed");
            let at = next() as usize % bytes.len();
            bytes[at] ^= 1 << (next() % 8);
        }
        scratch.write("fuzzed", &bytes);
        let run = scratch.run(&["replay", "count.cfg", "fuzzed", "--report", "report.json", "--force"]);
        assert!([0, 4, 5].contains(&run.status), "round {round}: {run}");
        let input = &scratch.report("report.json")["input"];
        let number = |key: &str| input[key].as_u64().expect("a number");
        assert_eq!(
            number("bytes"),
            number("record_bytes") + number("skipped_bytes") + number("pending_bytes")
        );
        assert_eq!(run.status == 5, number("damage_total") > 0, "round {round}: {run}");
    }
}

#[test]
fn without_input_the_sample_data_is_whole() {
    let run = std::process::Command::new(env!("CARGO_BIN_EXE_cepshim"))
        .current_dir(crate::scratch::repository())
        .args(["replay", "filters/analysis/payload_sizes.cfg", "--format", "jsonl"])
        .output()
        .expect("the program runs");
    let run = crate::scratch::Run::new(&["replay"], run).ends(0);
    assert!(!run.err().contains("damaged"), "{run}");
}
