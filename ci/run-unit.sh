#!/usr/bin/env bash
# run-unit.sh OUT: run every unit program and every fuzz replay of a build; one summary line for all.
# VALGRIND=1 runs them under valgrind without forking.
set -u
out=$1
passed=0 failed=0 failures=()
count() { # sum the "N%: Checks: a, Failures: b, Errors: c" lines of Check
    local checks bad
    checks=$(sed -n 's/.*Checks: \([0-9]*\),.*/\1/p' "$1" | awk '{s+=$1} END {print s+0}')
    bad=$(sed -n 's/.*Failures: \([0-9]*\), Errors: \([0-9]*\).*/\1 \2/p' "$1" | awk '{s+=$1+$2} END {print s+0}')
    passed=$((passed + checks - bad)); failed=$((failed + bad))
}
log=$(mktemp); trap 'rm -f "$log"' EXIT
while IFS= read -r program; do
    if [ -n "${VALGRIND:-}" ]; then
        CK_FORK=no timeout 600 valgrind -q --error-exitcode=99 --leak-check=full \
            --errors-for-leak-kinds=definite "$program" >"$log" 2>&1
    else
        timeout 300 "$program" >"$log" 2>&1
    fi
    status=$?
    before=$failed
    count "$log"
    if [ $status -ne 0 ]; then
        [ "$failed" -gt "$before" ] || failed=$((failed + 1))
        failures+=("$program (exit $status)")
        cat "$log"
    fi
done < <(find "$out/tests/unit" -type f -name 'test_*' -perm -u+x ! -name '*.o' ! -name '*.d' | sort)
for replay in "$out"/tests/fuzz/fuzz_*.replay; do
    [ -x "$replay" ] || continue
    corpus=tests/fuzz/corpus/$(basename "$replay" .replay | sed 's/^fuzz_//')
    [ -d "$corpus" ] || corpus=tests/fuzz/corpus/$(basename "$replay" .replay)
    if timeout 120 "$replay" "$corpus" >"$log" 2>&1; then passed=$((passed + 1)); else
        failed=$((failed + 1)); failures+=("$replay $corpus"); tail -30 "$log"; fi
done
for f in "${failures[@]:-}"; do [ -n "$f" ] && echo "FAILED: $f"; done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
