#!/usr/bin/env bash
# run-unit.sh OUT: run every unit program and every fuzz replay of a build, as many at once as there are
# processors; one summary line for all. VALGRIND=1 runs them under valgrind without forking.
set -u
out=$1
export CK_TIMEOUT_MULTIPLIER=4 # a hang is found as well, and a busy machine is none

# One program: what it printed if it failed, then "passed failed".
run_one() {
    local program=$1 log status checks bad corpus
    log=$(mktemp)
    case $program in
    *.replay)
        corpus=tests/fuzz/corpus/$(basename "$program" .replay | sed 's/^fuzz_//')
        [ -d "$corpus" ] || corpus=tests/fuzz/corpus/$(basename "$program" .replay)
        timeout 120 "$program" "$corpus" >"$log" 2>&1
        status=$? checks=1 bad=0
        ;;
    *)
        if [ -n "${VALGRIND:-}" ]; then
            CK_FORK=no timeout 900 valgrind -q --error-exitcode=99 --leak-check=full \
                --errors-for-leak-kinds=definite "$program" >"$log" 2>&1
        else
            timeout 900 "$program" >"$log" 2>&1
        fi
        status=$?
        # the sums of the "N%: Checks: a, Failures: b, Errors: c" lines of Check
        checks=$(sed -n 's/.*Checks: \([0-9]*\),.*/\1/p' "$log" | awk '{s+=$1} END {print s+0}')
        bad=$(sed -n 's/.*Failures: \([0-9]*\), Errors: \([0-9]*\).*/\1 \2/p' "$log" | awk '{s+=$1+$2} END {print s+0}')
        ;;
    esac
    [ $status -eq 0 ] || [ "$bad" -gt 0 ] || { bad=1; [ "$checks" -gt 0 ] || checks=1; }
    {
        flock 9
        [ $status -eq 0 ] || { cat "$log"; echo "FAILED: $program (exit $status)"; }
        echo "$((checks - bad)) $bad" >>"$UNIT_COUNTS"
    } 9>"$UNIT_COUNTS.lock"
    rm -f "$log"
}
export -f run_one

UNIT_COUNTS=$(mktemp)
export UNIT_COUNTS
trap 'rm -f "$UNIT_COUNTS" "$UNIT_COUNTS.lock"' EXIT
{
    find "$out/tests/unit" -type f -name 'test_*' -perm -u+x ! -name '*.o' ! -name '*.d' | sort
    find "$out/tests/fuzz" -type f -name 'fuzz_*.replay' -perm -u+x | sort
} | xargs -P "$(nproc)" -I{} bash -c 'run_one "$1"' run_one {}
read -r passed failed < <(awk '{p+=$1; f+=$2} END {print p+0, f+0}' "$UNIT_COUNTS")
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
