#!/usr/bin/env bash
# run-fuzz.sh SECONDS PROGRAM...: a short run of each fuzz target, starting from its saved inputs.
set -u
seconds=$1; shift
passed=0 failed=0
for program in "$@"; do
    name=$(basename "$program"); corpus=tests/fuzz/corpus/${name#fuzz_}
    [ -d "$corpus" ] || corpus=tests/fuzz/corpus/$name
    work=$(mktemp -d)
    if "$program" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -print_final_stats=0 \
        "$work" "$corpus" >"$work.log" 2>&1; then passed=$((passed + 1)); else
        failed=$((failed + 1)); echo "FAILED: $name"; tail -40 "$work.log"; fi
    rm -rf "$work" "$work.log"
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
