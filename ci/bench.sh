#!/usr/bin/env bash
# Measurements as JSON (docs/DESIGN.md, section 9). BENCH_AGENT=PATH measures another agent.
set -eu
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
agent=(${BENCH_AGENT:+--agent "$BENCH_AGENT"})
for name in start tasks stats death; do
    build/harness run --live "${agent[@]}" --trace "$work/$name" "tests/bench/$name.yaml" >"$work/words" ||
        { cat "$work/words" >&2; exit 1; }
done
# The cost of n and of twice as much; the least of three measurements counts.
for name in burst chain flapping stops; do
    for take in 1 2 3; do
        build/harness run --live "${agent[@]}" --trace "$work/linear.$name.$take" "tests/bench/linear/$name.yaml" \
            >"$work/words" || { cat "$work/words" >&2; exit 1; }
    done
done
# Another agent records nothing by itself.
mkdir "$work/recordings"
for take in 1 2 3 4 5; do
    for record in off on; do
        options=()
        [ $record = off ] || options=(--record "$work/recordings")
        build/harness run --live "${agent[@]}" "${options[@]}" --trace "$work/recording.$record.$take" \
            tests/bench/recording.yaml >"$work/words" || { cat "$work/words" >&2; exit 1; }
    done
done
build/harness run --json "$work/simulated" scenarios >"$work/words" || { cat "$work/words" >&2; exit 1; }
exec python3 ci/bench.py "$work"
