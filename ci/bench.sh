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
# One task of many containers, written here: nobody would read it.
large() { # N
    cat <<END
name: One task of $1 containers
only: live
reason: measures the agent's processor time
world:
  agent: {ECS_LOGLEVEL: info, ECS_DISABLE_METRICS: "true"}
timeline:
  - expect: {acs: connect}
  - advance: 500ms
  - resources: {mark: "before-$1"}
  - acs.send: {task: t, containers: [$(seq -f '{name: c%g}' -s ', ' "$1")]}
  - expect: {ecs: task RUNNING, within: 120s}
  - acs.stop_task: t
  - expect: {ecs: task STOPPED, within: 120s}
  - resources: {mark: "after-$1"}
END
}
mkdir "$work/large"
for n in 250 500; do large $n >"$work/large/$n.yaml"; done
# The cost of n and of twice as much; the least of three measurements counts.
for name in burst chain flapping stops large; do
    for take in 1 2 3; do
        scenario=tests/bench/linear/$name.yaml
        [ $name != large ] || scenario=$work/large
        build/harness run --live "${agent[@]}" --trace "$work/linear.$name.$take" "$scenario" \
            >"$work/words" || { cat "$work/words" >&2; exit 1; }
    done
done
# The cost of a flight recording, with and without in turns: processor time, whose quicker half counts, and instructions,
# which are the same every time. Another agent records nothing by itself.
mkdir "$work/recordings"
for take in $(seq "${BENCH_RECORDING_TAKES:-25}"); do
    for record in off on; do
        options=()
        [ $record = off ] || options=(--record "$work/recordings")
        build/harness run --live "${agent[@]}" "${options[@]}" --trace "$work/recording.$record.$take" \
            tests/bench/recording.yaml >"$work/words" || { cat "$work/words" >&2; exit 1; }
    done
done
if [ -z "${BENCH_AGENT:-}" ] && [ -n "$(command -v valgrind)" ]; then
    for name in launch idle; do
        for record in off on; do
            options=()
            [ $record = off ] || options=(--record "$work/recordings")
            printf '#!/bin/sh\nexec valgrind -q --tool=callgrind --callgrind-out-file=%q %q "$@"\n' \
                "$work/counted.$name.$record" "${BENCH_AGENT:-$PWD/build/ecs-agent}" >"$work/counting"
            chmod +x "$work/counting"
            build/harness run --live --agent "$work/counting" "${options[@]}" "tests/bench/counted/$name.yaml" \
                >"$work/words" || { cat "$work/words" >&2; exit 1; }
        done
    done
fi
build/harness run --json "$work/simulated" scenarios >"$work/words" || { cat "$work/words" >&2; exit 1; }
exec python3 ci/bench.py "$work"
