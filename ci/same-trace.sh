#!/usr/bin/env bash
# The same seeds give the same traces on every build and under load: gcc, gcc while both processors are busy,
# gcc without optimisation, gcc with sanitizers, clang.
set -eu
cd "$(dirname "$0")/.."
seeds=${SEEDS:-60}
traces() { "build/$1/harness" explore --seeds "$seeds" | sed -n 's/.*, traces \([0-9a-f]*\)$/\1/p'; }
check() { # name, hash
    if [ -z "$2" ] || [ "$2" != "$want" ]; then
        echo "FAILED   traces of $1: $2, of release: $want"
        failed=$((failed + 1))
    else
        passed=$((passed + 1))
    fi
}
passed=0 failed=0
want=$(traces release)
pids=()
for _ in 1 2 3 4; do (while :; do :; done) & pids+=($!); done
trap 'kill "${pids[@]}" 2>/dev/null' EXIT
check 'release under load' "$(traces release)"
kill "${pids[@]}"
trap - EXIT
for variant in debug asan clang; do
    [ -x "build/$variant/harness" ] || { echo "SKIPPED  $variant: not built"; continue; }
    check "$variant" "$(traces "$variant")"
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
