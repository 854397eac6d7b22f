# What is done often. `just` lists it; every recipe is a plain command that can be typed without just.

default:
    @just --list

# The program, as users get it
build:
    cargo build --release

# All tests, as the README says
test:
    cargo test

# What .ci/run asks for before the tests
lint:
    cargo fmt --check
    cargo clippy --all-targets -- -D warnings

# Licences, advisories, sources of the dependencies (needs cargo-deny)
deny:
    cargo deny check

# Accept changed snapshots of the command line after reading them (`git diff tests/cli/snapshots`)
accept:
    INSTA_UPDATE=always cargo test --test cli

# Wall-clock benchmarks
bench *arguments:
    cargo bench {{arguments}}

# One fuzz target for some minutes (needs cargo-fuzz and a nightly toolchain)
fuzz target minutes="10":
    cargo +nightly fuzz run {{target}} -- -max_total_time=$(({{minutes}} * 60)) -rss_limit_mb=4096

# The sample data from its generator
samples:
    cargo run --release --example generate_samples -- sample_data
    cargo test --test samples

# Long runs: every fuzz target ten minutes; conformance, with production's modules if CEPSHIM_PRODUCTION_LUA_PATH says
# where they are; the sample data four hundred times over through every filter
soak:
    #!/usr/bin/env bash
    set -euo pipefail
    for target in $(cargo +nightly fuzz list); do
        cargo +nightly fuzz run "$target" -- -max_total_time=600 -rss_limit_mb=4096
    done
    cargo test --release --test conformance
    cargo build --release
    scratch=$(mktemp -d)
    trap 'rm -rf "$scratch"' EXIT
    for i in $(seq 400); do
        ln -s "$PWD/sample_data/access.hpb.zst" "$scratch/$i.a.zst"
        ln -s "$PWD/sample_data/telemetry.hpb.zst" "$scratch/$i.t.zst"
    done
    filters=()
    for filter in filters/analysis/*.cfg; do
        filters+=(-f "$filter")
    done
    for run in one two; do
        target/release/cepshim replay "${filters[@]}" "$scratch/" --output "$scratch/$run.hpb" --report "$scratch/$run.json" --limit 4000000
    done
    cmp "$scratch/one.hpb" "$scratch/two.hpb"
    cmp "$scratch/one.json" "$scratch/two.json"

# A release: what is published is what was tested
release version:
    grep -q '^version = "{{version}}"' Cargo.toml
    grep -q '^## \[{{version}}\]' CHANGELOG.md
    test -z "$(git status --porcelain)"
    .ci/run
    cargo package
    git tag -a "v{{version}}" -m "cepshim {{version}}"
