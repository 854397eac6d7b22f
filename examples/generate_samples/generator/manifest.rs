//! Measuring the sets and describing them in `manifest.toml`.

use std::{collections::BTreeMap, fmt::Write};

use sha2::{Digest, Sha256};

use super::{SECOND, SEED, Set, random::hex};

/// A Timestamp this far from the median of its set comes from a wrong clock.
const WRONG_CLOCK: i64 = 30 * 86_400 * SECOND;

/// The manifest: version, the licence of all sets, and an entry for each.
pub fn text(entries: &[String]) -> String {
    format!(
        "\
# The maintained sample data. Written by `cargo run --release --example generate_samples -- sample_data`; edit the
# generator, not this file. Times are RFC 3339, sizes are bytes, `plain` is what decompression gives.

version = 1
owner = \"cepshim maintainers\"
licence = \"CC0-1.0\"
provenance = \"synthetic: every value comes from the generator; no record was captured from a real system\"
{}",
        entries.concat()
    )
}

/// The entry of one set whose file holds `stored`.
pub fn entry(set: &Set, stored: &[u8]) -> String {
    let plain = set.plain();
    let times = Times::of(set);
    let format = if set.is_compressed { "heka-protobuf+zstd" } else { "heka-protobuf" };
    let mut res = format!(
        "
[[set]]
name = \"{name}\"
about = \"{about}\"
files = [\"{file}\"]
format = \"{format}\"
bytes = {bytes}
sha256 = \"{sha256}\"
plain_bytes = {plain_bytes}
plain_sha256 = \"{plain_sha256}\"
records = {records}
largest_record = {largest}

[set.time]
# of the first record
first = \"{first}\"
earliest = \"{earliest}\"
latest = \"{latest}\"
# records more than 30 days away from the median; they are not in what follows
wrong_clock = {wrong_clock}
earliest_plausible = \"{earliest_plausible}\"
latest_plausible = \"{latest_plausible}\"
# the longest time without any Timestamp
largest_gap_s = {gap:.3}
# records with a Timestamp lower than one before them
out_of_order = {out_of_order}
out_of_order_share = {share:.4}

[set.recipe]
generator = \"examples/generate_samples\"
seed = {SEED}
{parameters}",
        name = set.name,
        about = set.about,
        file = set.file,
        bytes = stored.len(),
        sha256 = sha256(stored),
        plain_bytes = plain.len(),
        plain_sha256 = sha256(&plain),
        records = set.records.len(),
        largest = set.records.iter().map(|it| it.bytes.len()).max().unwrap_or_default(),
        first = date_time(set.records[0].timestamp),
        earliest = date_time(times.all[0]),
        latest = date_time(times.all[times.all.len() - 1]),
        wrong_clock = times.all.len() - times.plausible.len(),
        earliest_plausible = date_time(times.plausible[0]),
        latest_plausible = date_time(times.plausible[times.plausible.len() - 1]),
        gap = times.plausible.windows(2).map(|it| it[1] - it[0]).max().unwrap_or_default() as f64 / 1e9,
        out_of_order = times.out_of_order,
        share = times.out_of_order as f64 / set.records.len() as f64,
        parameters = set.parameters,
    );
    write_counts(&mut res, "types", set.records.iter().map(|it| it.type_.as_str()));
    if set.name == "telemetry" {
        write_counts(&mut res, "doc_types", set.records.iter().filter_map(|it| it.doc_type.as_deref()));
    }
    res
}

/// The Timestamps of a set, in order.
struct Times {
    all: Vec<i64>,
    plausible: Vec<i64>,
    out_of_order: usize,
}

impl Times {
    fn of(set: &Set) -> Self {
        let mut all: Vec<i64> = set.records.iter().map(|it| it.timestamp).collect();
        all.sort_unstable();
        let median = all[all.len() / 2];
        let is_plausible = |it: i64| it.abs_diff(median) <= WRONG_CLOCK as u64;
        let plausible = all.iter().copied().filter(|&it| is_plausible(it)).collect();
        let mut highest = i64::MIN;
        let mut out_of_order = 0;
        for record in set.records.iter().filter(|it| is_plausible(it.timestamp)) {
            out_of_order += usize::from(record.timestamp < highest);
            highest = highest.max(record.timestamp);
        }
        Times { all, plausible, out_of_order }
    }
}

fn write_counts<'a>(out: &mut String, table: &str, names: impl Iterator<Item = &'a str>) {
    let mut counts = BTreeMap::new();
    for name in names {
        *counts.entry(name).or_insert(0) += 1;
    }
    write!(out, "\n[set.{table}]\n").expect("writing to memory does not fail");
    for (name, count) in counts {
        // A basic string of TOML escapes as JSON does.
        let name = serde_json::Value::from(name);
        writeln!(out, "{name} = {count}").expect("writing to memory does not fail");
    }
}

/// Lower-case hexadecimal SHA-256.
pub fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

fn date_time(nanoseconds: i64) -> String {
    let time = jiff::Timestamp::from_nanosecond(i128::from(nanoseconds));
    time.expect("64 bits of nanoseconds are in range").to_string()
}
