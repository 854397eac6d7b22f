#!/usr/bin/env bash
# Instructions per message, as the slope between two inputs of different length: what start-up costs drops out.
#
#   benches/instructions.sh [BINARY]        needs valgrind and python3; BINARY defaults to target/release/cepshim
set -euo pipefail
cd "$(dirname "$0")/workloads"
binary=${1:-../../target/release/cepshim}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
for n in 200 1000; do
    python3 generate.py access "$scratch/access$n.hpb" "$n"
    python3 generate.py telemetry "$scratch/telemetry$n.hpb" "$n"
done

instructions() { # COMMAND...: the instructions it takes
    valgrind --tool=callgrind --callgrind-out-file="$scratch/out" "$@" >/dev/null 2>"$scratch/log" || true
    sed -n 's/^summary: //p' "$scratch/out"
}

slope() { # NAME SMALL LARGE
    printf '%-28s %8d\n' "$1" $((($3 - $2) / 800))
}

for workload in nomatch counter agg cbuf; do
    small=$(instructions "$binary" replay -q $workload/filter.cfg "$scratch/access200.hpb" --output /dev/null)
    large=$(instructions "$binary" replay -q $workload/filter.cfg "$scratch/access1000.hpb" --output /dev/null)
    slope "$workload" "$small" "$large"
done
small=$(instructions "$binary" replay -q cjson/filter.cfg "$scratch/telemetry200.hpb" --output /dev/null)
large=$(instructions "$binary" replay -q cjson/filter.cfg "$scratch/telemetry1000.hpb" --output /dev/null)
slope cjson "$small" "$large"
small=$(instructions "$binary" cat -c "$scratch/access200.hpb")
large=$(instructions "$binary" cat -c "$scratch/access1000.hpb")
slope "cat -c" "$small" "$large"
matcher="Type == 'nginx.access' && Fields[status] >= 500"
small=$(instructions "$binary" cat -c -m "$matcher" "$scratch/access200.hpb")
large=$(instructions "$binary" cat -c -m "$matcher" "$scratch/access1000.hpb")
slope "cat -c -m" "$small" "$large"
