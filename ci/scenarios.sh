#!/usr/bin/env bash
# Every scenario in each mode that it is fit for. The last line counts them all; results for machines are
# build/scenarios/*.xml (JUnit) and *.json, a file for each mode, of live runs one for each scenario.
set -u
cd "$(dirname "$0")/.."
results=build/scenarios
rm -rf "$results"
mkdir -p "$results/live"
for mode in sim wire; do
    options=()
    [ $mode = sim ] || options=("--$mode")
    build/harness run ${options[@]+"${options[@]}"} --junit "$results/$mode.xml" --json "$results/$mode.json" scenarios |
        tee "$results/$mode.words" | grep -v '^[0-9]* passed'
done
RESULTS=$results/live ci/live.sh | tee "$results/live.words" | grep -v '^[0-9]* passed'
cat "$results"/*.words | awk '/^[0-9]+ passed, [0-9]+ failed/ { passed += $1; failed += $3; lines++ }
    END { printf "%d passed, %d failed\n", passed, failed; exit failed > 0 || lines < 3 }'
