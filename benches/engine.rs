//! Benchmarks of the engine's parts: reading, matching, rendering, and filters of growing weight.
//!
//! They work on the maintained sample data, so that they run anywhere. Whole-process comparisons with production and
//! instruction counts are made with `benches/instructions.sh`; docs/benchmarks.md has the tables.

use std::{
    io::Read as _,
    path::{Path, PathBuf},
};

use cepshim::{
    archive::FrameReader,
    event::RecordId,
    matcher::Matcher,
    message::{Message, MessageIndex, render},
    pipeline::{FilterContext, FilterSpec, Harness, HostConfig, NativeModules},
    system::System,
    vm::DEFAULT_C_STEPS,
};
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};

/// Records per iteration.
const RECORDS: usize = 1000;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The first records of a sample set, framed.
fn sample(name: &str) -> Vec<u8> {
    let file = std::fs::File::open(root().join("sample_data").join(name)).expect("the sample data is there");
    let mut bytes = Vec::new();
    zstd::Decoder::new(file).expect("zstd").read_to_end(&mut bytes).expect("readable");
    let mut reader = FrameReader::new(&bytes[..], name.into(), 64 << 20);
    let mut len = 0;
    for _ in 0..RECORDS {
        let Some(frame) = reader.next().expect("readable") else { break };
        len = frame.offset as usize + frame.bytes.len();
    }
    bytes.truncate(len);
    bytes
}

fn messages(framed: &[u8]) -> Vec<Vec<u8>> {
    let mut reader = FrameReader::new(framed, "sample".into(), 64 << 20);
    let mut res = Vec::new();
    while let Some(frame) = reader.next().expect("readable") {
        res.push(frame.message.raw().to_vec());
    }
    res
}

fn reading(c: &mut Criterion) {
    let framed = sample("access.hpb.zst");
    let records = messages(&framed);
    let mut group = c.benchmark_group("reading");
    group.throughput(Throughput::Elements(records.len() as u64));
    group.bench_function("frames", |b| {
        b.iter(|| {
            let mut reader = FrameReader::new(&framed[..], "sample".into(), 64 << 20);
            let mut count = 0;
            while reader.next().expect("readable").is_some() {
                count += 1;
            }
            count
        });
    });
    group.bench_function("decode", |b| {
        let mut index = MessageIndex::default();
        b.iter(|| records.iter().filter(|it| index.decode(it).is_ok()).count());
    });
    let matcher =
        Matcher::compile(b"Type == 'nginx.access' && Fields[status] >= 500").expect("a valid matcher");
    group.bench_function("decode and match", |b| {
        let mut index = MessageIndex::default();
        b.iter(|| {
            let matches = |raw: &&Vec<u8>, index: &mut MessageIndex| {
                index.decode(raw).is_ok() && matcher.matches(Message::new(raw, index))
            };
            records.iter().filter(|it| matches(it, &mut index)).count()
        });
    });
    group.bench_function("decode and render as JSON", |b| {
        let (mut index, mut out) = (MessageIndex::default(), Vec::new());
        b.iter(|| {
            out.clear();
            for raw in &records {
                if index.decode(raw).is_ok() {
                    render::json(Message::new(raw, &index), &mut out);
                }
            }
            out.len()
        });
    });
    group.finish();
}

/// A host with native modules, and the world as it always is.
fn start(workload: &str) -> Harness {
    let cfg: PathBuf = root().join("benches/workloads").join(workload).join("filter.cfg");
    let host = HostConfig {
        analysis_lua_path: Some("modules/?.lua".to_owned()),
        analysis_lua_cpath: Some("modules/?.so".to_owned()),
        ..HostConfig::default()
    };
    let context = FilterContext {
        host: &host,
        system: &System::fixed(),
        log_level: 6,
        c_steps: DEFAULT_C_STEPS,
        native_modules: &NativeModules::BuiltIn,
        start_ns: 0,
        first_slot: 0,
        rehearse: false,
    };
    Harness::start(&[FilterSpec { path: cfg, state: None }], &context, &mut ())
}

/// Shows the filter every record.
fn process(harness: &mut Harness, records: &[Vec<u8>]) {
    let mut index = MessageIndex::default();
    for (raw, number) in records.iter().zip(1..) {
        index.decode(raw).expect("a message");
        let record = RecordId { number, ..RecordId::default() };
        let _ = harness.process(Message::new(raw, &index), record, &mut ());
    }
}

fn filters(c: &mut Criterion) {
    let mut group = c.benchmark_group("filters");
    for (workload, set) in [
        ("nomatch", "access.hpb.zst"),
        ("counter", "access.hpb.zst"),
        ("agg", "access.hpb.zst"),
        ("cbuf", "access.hpb.zst"),
        ("cjson", "telemetry.hpb.zst"),
    ] {
        let records = messages(&sample(set));
        group.throughput(Throughput::Elements(records.len() as u64));
        group.bench_function(workload, |b| {
            let run = |mut harness: Harness| {
                process(&mut harness, &records);
                harness
            };
            b.iter_batched(|| start(workload), run, BatchSize::PerIteration);
        });
    }
    group.finish();
}

fn snapshots(c: &mut Criterion) {
    let records = messages(&sample("access.hpb.zst"));
    let mut harness = start("agg");
    process(&mut harness, &records);
    let plugin = harness.filters()[0].plugin().expect("the filter lives");
    let snapshot = plugin.snapshot().expect("nothing pins it");
    c.bench_function("snapshot", |b| b.iter(|| plugin.snapshot().expect("nothing pins it")));
    c.bench_function("restore", |b| b.iter(|| plugin.restore(&snapshot)));
}

criterion_group!(benches, reading, filters, snapshots);
criterion_main!(benches);
